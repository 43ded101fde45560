"""What is hashed, as SQL: the canonical texts of rows, amendments, changes and acts (docs/seals.md, "Leaves").

One place for who seals, who verifies and who exports. It is sent with each question, so that nobody who may change functions of the
database can make a verifier see what it expects. `prelude_class_text` of the migrations says the same for who changes rows.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ACT", "AMENDMENT", "CHANGE", "CLEAR", "CONTENT", "DEVICE", "DURATION", "PACKED", "PERSON", "head", "micros"]

_TIMES: Final = {"log.created_at", "found.amended_at"}
_BYTES: Final = {"found.before", "found.after"}

_PERSON: Final = ("log.user_email", "log.session_id")
_DEVICE: Final = ("log.user_agent", "log.ip_address")
_CONTENT: Final = ("log.page_url", "log.entity_id", "log.action_data", "log.result_data", "log.tags")
_CLEAR: Final = (
    "log.action_type", "log.action_name", "log.action_category", "log.entity_type", "log.page_route", "log.service_name",
    "log.result_status", "log.completes_event_id", "log.personal_paths", "log.trace_id", "log.span_id", "log.created_at",
)  # fmt: skip
_AMENDMENT: Final = ("found.duration_ms", "found.amended_at")
_CHANGE: Final = (
    "found.act_id", "found.row_lane", "found.row_seq", "found.kind", "found.class", "found.before", "found.after",
)  # fmt: skip
_ACT: Final = ("found.id", "found.kind", "found.actor", "found.reason", "found.detail")


def micros(moment: str) -> str:
    """Whole microseconds since 1970 of the timestamptz `moment`."""
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


def _said(value: str) -> str:
    if value in _TIMES:
        return micros(value)
    return f"encode({value}, 'hex')" if value in _BYTES else value


def _text(*values: str) -> str:
    return f"json_build_array({', '.join(map(_said, values))})::text"


def _class(*columns: str) -> str:
    there = " AND ".join(f"{column} IS NULL" for column in columns)
    return f"CASE WHEN {there} THEN NULL ELSE {_text(*columns)} END"


PERSON: Final = _class(*_PERSON)
DEVICE: Final = _class(*_DEVICE)
CONTENT: Final = _class(*_CONTENT)
"""The text of a class of columns of the row `log`; NULL where all of them are."""

CLEAR: Final = _text(*_CLEAR)
"""The text of all other columns of the row `log`, but for its head and its length."""

DURATION: Final = _text("log.duration_ms")
"""What follows `CLEAR`: the length as it was when the row was sealed."""

AMENDMENT: Final = _text(*_AMENDMENT)
CHANGE: Final = _text(*_CHANGE)
ACT: Final = _text(*_ACT)
"""The texts of what is no row, `found`."""


def head(kind: str, event_id: str, at: str, lane: str, seq: str) -> str:
    """The head of a leaf; `kind` is a word, the others are SQL."""
    return _text(f"'{kind}'", event_id, at, lane, seq)


def _packed(kind: str, table: str, event_id: str, at: str, *values: str) -> str:
    return f"record_send(ROW('{kind}'::text, {table}.lane, {table}.lane_seq, {event_id}, {at}, {', '.join(values)}))"


PACKED: Final = {
    "r": _packed(
        "r", "log", "log.event_id", 'log."timestamp"', *_CLEAR, "log.duration_ms", *_PERSON, *_DEVICE, *_CONTENT
    ),
    "a": _packed("a", "found", "found.event_id", 'found."timestamp"', *_AMENDMENT),
    "c": _packed("c", "found", "found.event_id", 'found."timestamp"', *_CHANGE),
    "g": _packed("g", "found", "NULL::uuid", "found.at", *_ACT),
}
"""By kind, all values of an entry as they are, for the compiled part, which prints them itself: it costs the database less."""
