"""Rows as the text that COPY takes: pure functions, and the hottest of this room.

Whole lines are looked at, not fields: most rows hold nothing that COPY would misread, and one look at the line tells.
"""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, strftime
from typing import TYPE_CHECKING, Final

from prelude_store.native import native

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prelude_store.row import ActivityRow

__all__ = ["COPY_COLUMNS", "COPY_OPTIONS", "copy_lines", "copy_statement", "copy_text"]

COPY_COLUMNS: Final[dict[str, str]] = {
    "timestamp": "timestamptz",
    "event_id": "uuid",
    "user_email": "text",
    "session_id": "text",
    "action_type": "text",
    "action_name": "text",
    "action_category": "text",
    "entity_type": "text",
    "entity_id": "text",
    "page_url": "text",
    "page_route": "text",
    "service_name": "text",
    "user_agent": "text",
    "ip_address": "text",
    "action_data": "jsonb",
    "result_status": "text",
    "result_data": "jsonb",
    "completes_event_id": "uuid",
    "trace_id": "text",
    "span_id": "text",
    "duration_ms": "integer",
    "tags": "text[]",
    "personal_paths": "text[]",
    "content_hash": "bytea",
    "lane": "integer",
    "lane_seq": "bigint",
}
"""Columns in the order of `copy_text`, with their types. The other two, ``id`` and ``created_at``, are the database's."""

_NULL: Final = "\x7f"
COPY_OPTIONS: Final = r"(FORMAT text, NULL E'\x7f')"
"""NULL is not the usual ``\\N``: a backslash in a line shall mean that something in it must be escaped."""

_TEXTS: Final = 19
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", _NULL: f"\\{_NULL}"})


def copy_statement(table: str) -> str:
    """The COPY that takes `copy_text` into `table`."""
    columns = ", ".join(f'"{column}"' for column in COPY_COLUMNS)
    return f"COPY {table} ({columns}) FROM STDIN WITH {COPY_OPTIONS}"


def copy_lines(rows: list[ActivityRow], lane: int, first_seq: int) -> bytes:
    """As `copy_text`, by the compiled part where it is used."""
    module = native().module
    lines: bytes | None = None if module is None else module.copy_text(rows, lane, first_seq)
    return copy_text(rows, lane, first_seq) if lines is None else lines


def copy_text(rows: Iterable[ActivityRow], lane: int, first_seq: int) -> bytes:
    """COPY lines of `rows`, numbered in `lane` from `first_seq` on.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate, which no UTF-8 has.
    """
    lines: list[str] = []
    add = lines.append
    second, prefix = None, ""
    for seq, row in enumerate(rows, first_seq):
        row_second, microsecond = divmod(row[0], 1_000_000)
        if row_second != second:
            second = row_second
            prefix = strftime("%Y-%m-%d %H:%M:%S", gmtime(row_second))
        texts = (*row[1:17], row[19], row[21], row[22])
        line = "\t".join([_NULL if text is None else text for text in texts])
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != _TEXTS - 1 or _NULL in texts:
            line = "\t".join([_NULL if text is None else text.translate(_ESCAPES) for text in texts])
        duration, tags, personal = row[17], row[18], row[20]
        add(
            f"{prefix}.{microsecond:06d}+00\t{line}\t{_NULL if duration is None else duration}"
            f"\t{_NULL if tags is None else _array(tags)}\t{_NULL if personal is None else _array(personal)}"
            f"\t\\\\x{row[23].hex()}\t{lane}\t{seq}\n"
        )
    return "".join(lines).encode()


@lru_cache(maxsize=4096)
def _array(texts: tuple[str, ...]) -> str:
    quoted = ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return f"{{{quoted}}}".translate(_ESCAPES)
