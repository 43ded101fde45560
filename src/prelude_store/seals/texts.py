"""What is hashed, as SQL: the canonical texts of rows, amendments, changes and acts (docs/seals.md, "Leaves").

One place for who seals, who verifies and who exports. It is sent with each question, so that nobody who may change functions of the
database can make a verifier see what it expects. `prelude_class_text` of the migrations says the same for who changes rows.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ACT", "AMENDMENT", "CHANGE", "CLEAR", "CONTENT", "DEVICE", "DURATION", "PERSON", "head", "micros"]


def micros(moment: str) -> str:
    """Whole microseconds since 1970 of the timestamptz `moment`."""
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


def _text(*values: str) -> str:
    return f"json_build_array({', '.join(values)})::text"


def _class(*columns: str) -> str:
    there = " AND ".join(f"{column} IS NULL" for column in columns)
    return f"CASE WHEN {there} THEN NULL ELSE {_text(*columns)} END"


PERSON: Final = _class("log.user_email", "log.session_id")
DEVICE: Final = _class("log.user_agent", "log.ip_address")
CONTENT: Final = _class("log.page_url", "log.entity_id", "log.action_data", "log.result_data", "log.tags")
"""The text of a class of columns of the row `log`; NULL where all of them are."""

CLEAR: Final = _text(
    "log.action_type", "log.action_name", "log.action_category", "log.entity_type", "log.page_route", "log.service_name",
    "log.result_status", "log.completes_event_id", "log.personal_paths", "log.trace_id", "log.span_id", micros("log.created_at"),
)  # fmt: skip
"""The text of all other columns of the row `log`, but for its head and its length."""

DURATION: Final = _text("log.duration_ms")
"""What follows `CLEAR`: the length as it was when the row was sealed."""

AMENDMENT: Final = _text("found.duration_ms", micros("found.amended_at"))
CHANGE: Final = _text(
    "found.act_id", "found.row_lane", "found.row_seq", "found.kind", "found.class",
    "encode(found.before, 'hex')", "encode(found.after, 'hex')",
)  # fmt: skip
ACT: Final = _text("found.id", "found.kind", "found.actor", "found.reason", "found.detail")
"""The texts of what is no row, `found`."""


def head(kind: str, event_id: str, at: str, lane: str, seq: str) -> str:
    """The head of a leaf; `kind` is a word, the others are SQL."""
    return _text(f"'{kind}'", event_id, at, lane, seq)
