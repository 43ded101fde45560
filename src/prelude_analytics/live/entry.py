"""What was committed, ready to be sent: serialised once, with what filters look at beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from prelude_analytics.live.texts import json_text
from prelude_analytics.statuses import effective

__all__ = ["EQUALS", "LEFT_OUT_ABOVE", "Entry", "amendment_entry", "row_entry"]

LEFT_OUT_ABOVE: Final = 64 * 1024
"""Bytes of a row above which it is sent without its data: nobody's queue shall be filled by one row."""

_DATA: Final = ("action_data", "result_data")


class Entry:
    """A row, or a duration that became known later, at its place in the order of commits.

    Attributes:
        lane: and
        seq: its number there.
        payload: JSON, as it is sent.
        row: JSON of the whole row, on which filters are evaluated; of an amendment the row that it amends. None where that is gone.
        equals: values that filters compare, by name; `result_status` is the status as which the row reads.
        tags: of the row.
        event_id: of the row.
        amends: whether it is an amendment.
    """

    __slots__ = ("amends", "equals", "event_id", "lane", "payload", "row", "seq", "tags")

    def __init__(
        self,
        lane: int,
        seq: int,
        event_id: str,
        payload: bytes,
        *,
        row: bytes | None,
        equals: dict[str, str | None],
        tags: tuple[str, ...],
        amends: bool = False,
    ) -> None:
        self.lane = lane
        self.seq = seq
        self.event_id = event_id
        self.payload = payload
        self.row = row
        self.equals = equals
        self.tags = tags
        self.amends = amends

    @property
    def size(self) -> int:
        """Bytes that it takes in a ring, nearly."""
        return len(self.payload) + (0 if self.row is None or self.row is self.payload else len(self.row))


EQUALS: Final = (
    "user_email",
    "session_id",
    "action_type",
    "action_name",
    "entity_type",
    "entity_id",
    "service_name",
    "result_status",
)


def row_entry(lane: int, seq: int, values: dict[str, Any], cut: datetime) -> Entry:
    """The entry of a row.

    Args:
        values: columns as `following.COLUMNS` reads them.
        cut: pending rows from before it read as timeout.
    """
    values = {**values, "result_status": effective(values["result_status"], values["timestamp"], cut)}
    row = _dumps(values)
    payload = row
    if len(row) > LEFT_OUT_ABOVE:
        left_out = [name for name in _DATA if values[name] is not None]
        payload = _dumps({**values, **dict.fromkeys(_DATA), "left_out": left_out})
    equals = {name: values[name] for name in EQUALS}
    return Entry(lane, seq, values["event_id"], payload, row=row, equals=equals, tags=tuple(values["tags"] or ()))


def amendment_entry(lane: int, seq: int, values: dict[str, Any], amended: Entry | None) -> Entry:
    """The entry of a duration that became known later.

    Args:
        values: ``event_id``, ``timestamp`` and ``duration_ms``.
        amended: the row's entry; None where the row is gone, and then only who asks for everything is told.
    """
    payload = json_text({"type": "amendment", **values})
    row, equals, tags = (None, {}, ()) if amended is None else (amended.row, amended.equals, amended.tags)
    return Entry(lane, seq, values["event_id"], payload, row=row, equals=equals, tags=tags, amends=True)


def _dumps(values: dict[str, Any]) -> bytes:
    fragments = {name: orjson.Fragment(values[name]) for name in _DATA if values[name] is not None}
    return json_text({**values, **fragments})
