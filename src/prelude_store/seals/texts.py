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


def _values(*values: str) -> str:
    return ", ".join(f"octet_length({value}), ':', {value}, ','" for value in values)


def _list(column: str) -> str:
    # The question is asked for lists that are there alone, so that rows without one cost nothing.
    elements = (
        f"SELECT string_agg(concat({_values('element')}), '' ORDER BY place)"  # noqa: S608 (constants)
        f" FROM unnest({column}) WITH ORDINALITY AS elements (element, place)"
    )
    return (
        f"CASE WHEN {column} IS NULL THEN ':,' ELSE concat({_values(f'cardinality({column})::text')}, ({elements})) END"
    )


def _class(*columns: str, **lists: str) -> str:
    there = " AND ".join(f"{column.removesuffix('::text')} IS NULL" for column in (*columns, *lists.values()))
    text = ", ".join([_values(*columns), *map(_list, lists.values())])
    return f"CASE WHEN {there} THEN NULL ELSE concat({text}) END"


PERSON: Final = _class("log.user_email", "log.session_id")
DEVICE: Final = _class("log.user_agent", "log.ip_address")
CONTENT: Final = _class(
    "log.page_url", "log.entity_id", "log.action_data::text", "log.result_data::text", tags="log.tags"
)
"""The text of a class of columns of the row `log`; NULL where all of them are."""

CLEAR: Final = (
    "concat("
    + _values(
        "log.action_type", "log.action_name", "log.action_category", "log.entity_type", "log.page_route",
        "log.service_name", "log.result_status", "log.completes_event_id::text",
    )
    + f", {_list('log.personal_paths')}, "
    + _values("log.trace_id", "log.span_id", f"{micros('log.created_at')}::text")
    + ")"
)  # fmt: skip
"""The text of all other columns of the row `log`, but for its head and its length."""

DURATION: Final = f"concat({_values('log.duration_ms::text')})"
"""What follows `CLEAR`: the length as it was when the row was sealed."""

AMENDMENT: Final = f"concat({_values('found.duration_ms::text', micros('found.amended_at') + '::text')})"
CHANGE: Final = (
    "concat("
    + _values(
        "found.act_id::text", "found.row_lane::text", "found.row_seq::text", "found.kind", "found.class",
        "encode(found.before, 'hex')", "encode(found.after, 'hex')",
    )
    + ")"
)  # fmt: skip
ACT: Final = f"concat({_values('found.id::text', 'found.kind', 'found.actor', 'found.reason', 'found.detail::text')})"
"""The texts of what is no row, `found`."""


def head(kind: str, event_id: str, at: str, lane: str, seq: str) -> str:
    """The head of a leaf; `kind` is a word, the others are SQL that gives text."""
    return f"concat('{len(kind)}:{kind},', {_values(event_id, at, lane, seq)})"
