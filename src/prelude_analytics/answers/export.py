"""Rows as CSV and NDJSON: streamed, with constant memory, a short transaction for each portion, all as of one watermark."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from prelude_analytics.answers.rows import Wanted, portion
from prelude_analytics.items import COLUMNS, item
from prelude_store.formulas import defused

if TYPE_CHECKING:
    from prelude_analytics.database import Database

__all__ = ["csv_lines", "defused", "exported", "ndjson_lines"]

_AT_ONCE: Final = 2_000

Lines = Callable[[list[dict[str, Any]], bool], bytes]
"""What makes bytes of rows; the flag says whether they are the first."""


async def exported(database: Database, wanted: Wanted, lines: Lines) -> AsyncGenerator[bytes, None]:
    """All rows that are `wanted`, newest first, as bytes."""
    place, first = wanted.place, True
    cut = place.watermark.cut
    while True:
        async with database.read() as connection:
            found = await portion(connection, wanted._replace(place=place), _AT_ONCE)
        if found.rows or first:
            yield lines([item(row, cut) for row in found.rows], first)
            first = False
        if found.behind is None:
            return
        place = found.behind


def ndjson_lines(items: list[dict[str, Any]], _first: bool) -> bytes:
    """A line of JSON for each."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for one in items)


def csv_lines(items: list[dict[str, Any]], first: bool) -> bytes:
    """A line of CSV (RFC 4180) for each, behind the names of the columns if they are the `first`."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(one[name]) for name in COLUMNS] for one in items)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return defused(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value)
