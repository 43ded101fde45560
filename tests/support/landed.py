"""What the database holds, compared with the rows that were written, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from prelude_store.copy_text import COPY_COLUMNS
from prelude_store.row import ActivityRow

__all__ = ["assert_landed"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OURS: Final = ("lane", "lane_seq")
_SELECT: Final = "SELECT {} FROM user_activity_logs".format(
    ", ".join(
        f'"{name}"::text' if kind in ("uuid", "jsonb") else f'"{name}"'
        for name, kind in COPY_COLUMNS.items()
        if name not in _OURS
    )
)


def assert_landed(connection: psycopg.Connection[Any], rows: Iterable[ActivityRow]) -> None:
    """The log holds just `rows`, each column as it was given; of rows with one id and time, one. The duration of a row that waits is
    its span's."""
    names = [name for name in COPY_COLUMNS if name not in _OURS]
    there: dict[tuple[Any, ...], dict[str, Any]] = {}
    for values in connection.execute(_SELECT.encode()):
        found = dict(zip(names, values, strict=True))
        there[found["timestamp"], found["event_id"]] = found | _parsed(found)
    given: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        fields = row._asdict()
        fields["timestamp"] = _EPOCH + timedelta(microseconds=fields.pop("timestamp_us"))
        lists = {name: None if fields[name] is None else list(fields[name]) for name in ("tags", "personal_paths")}
        fields |= lists | _parsed(fields)
        given.setdefault((fields["timestamp"], fields["event_id"]), []).append(fields)
    assert there.keys() == given.keys()
    for key, found in there.items():
        found["content_hash"] = bytes(found["content_hash"])
        differing = [
            {
                name: (found[name], fields[name])
                for name in found
                if found[name] != fields[name] and not (name == "duration_ms" and fields["waits"])
            }
            for fields in given[key]
        ]
        assert {} in differing, (key, differing)


def _parsed(fields: dict[str, Any]) -> dict[str, Any]:
    """Both JSON columns with exact numbers: jsonb writes 1e3 as 1000."""
    return {
        name: None if fields[name] is None else json.loads(fields[name], parse_float=Decimal, parse_int=Decimal)
        for name in ("action_data", "result_data")
    }
