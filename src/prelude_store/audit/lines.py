"""A report for programs: NDJSON, and CSV for spreadsheets. Times are UTC, JSON is as the database has it."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from prelude_store.audit.questions import COLUMNS
from prelude_store.formulas import defused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prelude_store.audit.asked import Asked
    from prelude_store.audit.gone import Gone
    from prelude_store.audit.report import Act, Row
    from prelude_store.audit.seal import Seal
    from prelude_store.audit.tally import Looks, Tally

__all__ = ["Csv", "Ndjson"]

_JSON: Final = ("action_data", "result_data", "detail")
_UNKNOWN: Final = "acts name people by keyed hashes, and this login may not know the one of the person"


class Ndjson:
    """A JSON object a line, whose ``record`` says what it is: report, summary, act, look, activity, end."""

    most: None = None

    def head(self, asked: Asked, seal: Seal, database: str) -> bytes:
        """The line ``report``."""
        return _line("report", _facts(asked, seal, database))

    def summary(self, seal: Seal, tally: Tally, gone: Gone) -> bytes:
        """The line ``summary``."""
        return _line("summary", _summed(seal, tally, gone))

    def looks(self, looks: Looks) -> bytes:
        """A line ``look`` each."""
        return b"".join(_line("look", one) for one in _looked(looks))

    def acts(self, acts: list[Act], *, first: bool, last: bool) -> bytes:  # noqa: ARG002 (of a page)
        """A line ``act`` each."""
        return b"".join(_line("act", _raw(one)) for one in acts)

    def acts_unknown(self) -> bytes:
        """The line ``note``."""
        return _line("note", {"text": _UNKNOWN})

    def rows(self, rows: list[Row], *, first: bool) -> bytes:  # noqa: ARG002 (of a page)
        """A line ``activity`` each."""
        return b"".join(_line("activity", _raw(one)) for one in rows)

    def end(self, shown: int, tally: Tally) -> bytes:
        """The line ``end``: without it, the file is cut off."""
        return _line("end", {"rows": shown, "counted": tally.whole.rows})


class Csv:
    """RFC 4180; ``record`` says what a line is, as in `Ndjson`. What is no column of an activity stands in ``action_data``."""

    most: None = None
    _NAMES: Final = ("record", *COLUMNS, "sealed")

    def head(self, asked: Asked, seal: Seal, database: str) -> bytes:
        """The names of the columns, and the line ``report``."""
        about = {"record": "report", "timestamp": asked.made_at, "user_email": asked.by}
        about |= {"action_data": orjson.dumps(_facts(asked, seal, database)).decode()}
        return self._written([dict(zip(self._NAMES, self._NAMES, strict=True)), about])

    def summary(self, seal: Seal, tally: Tally, gone: Gone) -> bytes:
        """The line ``summary``."""
        summed = orjson.dumps(_summed(seal, tally, gone), default=str).decode()
        return self._written([{"record": "summary", "action_data": summed}])

    def looks(self, looks: Looks) -> bytes:
        """A line ``look`` each; its time is that of the last one."""
        return self._written(
            {
                "record": "look",
                "timestamp": one["last"],
                "user_email": one["reader"],
                "action_name": one["route"],
                "action_data": orjson.dumps(one).decode(),
            }
            for one in _looked(looks)
        )

    def acts(self, acts: list[Act], *, first: bool, last: bool) -> bytes:  # noqa: ARG002 (of a page)
        """A line ``act`` each."""
        return self._written(
            {
                "record": "act",
                "timestamp": one["at"],
                "user_email": one["actor"],
                "action_name": one["kind"],
                "action_data": orjson.dumps(_raw(one)).decode(),
                "sealed": one["sealed"],
            }
            for one in acts
        )

    def acts_unknown(self) -> bytes:
        """The line ``note``."""
        return self._written([{"record": "note", "action_data": _UNKNOWN}])

    def rows(self, rows: list[Row], *, first: bool) -> bytes:  # noqa: ARG002 (of a page)
        """A line ``activity`` each."""
        return self._written({"record": "activity"} | one for one in rows)

    def end(self, shown: int, tally: Tally) -> bytes:
        """The line ``end``: without it, the file is cut off."""
        return self._written([{"record": "end", "action_data": f'{{"rows":{shown},"counted":{tally.whole.rows}}}'}])

    def _written(self, lines: Iterable[dict[str, Any]]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows([_cell(line.get(name)) for name in self._NAMES] for line in lines)
        return text.getvalue().encode("utf-8", "backslashreplace")


def _facts(asked: Asked, seal: Seal, database: str) -> dict[str, Any]:
    return {
        "what": "audit trail",
        "subject": asked.subject.given,
        "from": asked.since.isoformat(),
        "to": asked.until.isoformat(),
        "made_at": asked.made_at.isoformat(),
        "by": asked.by,
        "database": database,
        "version": asked.version,
        "seal": seal.shown,
    }


def _summed(seal: Seal, tally: Tally, gone: Gone) -> dict[str, Any]:
    fine, said = seal.said(tally.whole.rows, tally.sealed)
    return {
        "rows": tally.whole.rows,
        "first": tally.whole.first,
        "last": tally.whole.last,
        "sealed": tally.sealed,
        "all_sealed": fine,
        "seal": said,
        "by_action": [
            {"action": f"{kind}.{name}", "rows": count.rows, **count.statuses}
            for (kind, name), count in sorted(tally.actions.items())
        ],
        "by_person": {person or "": count.rows for person, count in tally.people.items()},
        "by_service": {service or "": count.rows for service, count in tally.services.items()},
        "counted_together": tally.others,
        "gone": gone._asdict(),
    }


def _looked(looks: Looks) -> list[dict[str, Any]]:
    return [
        {
            "reader": reader,
            "route": route,
            "whose": whose,
            "looks": count.rows,
            "refused": looks.refused[reader, route, whose],
            "credentials": sorted(credentials),
            "first": count.first and count.first.isoformat(),
            "last": count.last and count.last.isoformat(),
        }
        for (reader, route, whose), (count, credentials) in sorted(looks.found.items())
    ]


def _raw(values: dict[str, Any]) -> dict[str, Any]:
    """The same, with JSON as it stands in the database."""
    return {
        name: orjson.Fragment(value) if name in _JSON and value is not None else value for name, value in values.items()
    }


def _line(record: str, values: dict[str, Any]) -> bytes:
    return orjson.dumps({"record": record} | values, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _cell(value: Any) -> Any:
    if value is None or type(value) is int:
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    return defused(orjson.dumps(value).decode() if isinstance(value, list) else str(value))
