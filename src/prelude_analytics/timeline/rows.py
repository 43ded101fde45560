"""Bytes that the database sent, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from prelude_analytics.answers.lives import Runs, Sequence
from prelude_store.timeline.columns import PENDING, TIMEOUT, Columns, Ints, widened

__all__ = [
    "Rows",
    "columns_of_block",
    "columns_of_day",
    "effective",
    "groups_of",
    "numbered",
    "renumbered",
    "rows_of_records",
    "runs_of_day",
    "sequence_of_day",
]

_RECORD: Final = np.dtype(
    [("user", ">i4"), ("time", ">i8"), ("action", ">i4"), ("status", ">i4"), ("service", ">i4"), ("property", ">i4")]
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by columns.

    Attributes:
        properties: one a row: a number of the property that was asked for, 0 for none; empty where none was.
    """

    columns: Columns
    properties: Ints

    def where(self, chosen: Ints) -> Rows:
        """The rows that `chosen` names, by a mask or by their places."""
        return Rows(self.columns.where(chosen), self.properties[chosen] if len(self.properties) else self.properties)


def rows_of_records(records: bytes | None) -> Rows:
    """The rows of ``sql/timeline_rows.sql``; what the timeline has no number for has one below 0."""
    table = np.frombuffer(records or b"", dtype=_RECORD)
    columns = Columns(
        table["user"].astype(np.int64),
        table["time"].astype(np.int64),
        table["action"].astype(np.int64),
        table["status"].astype(np.uint8),
        table["service"].astype(np.int64),
    )
    return Rows(columns, table["property"].astype(np.int64))


def columns_of_day(day: Mapping[str, Any]) -> Columns:
    """A day by all its columns."""
    count = day["row_count"]
    users = np.frombuffer(day["users"], dtype="<i4")
    return Columns(
        np.repeat(users, np.frombuffer(day["counts"], dtype="<i4")),
        np.frombuffer(day["times"], dtype="<i8"),
        widened(day["actions"], count).astype(np.int64),
        np.frombuffer(day["statuses"], dtype="<u1"),
        widened(day["services"], count).astype(np.int64),
    )


def columns_of_block(block: Mapping[str, Any]) -> tuple[Columns, Ints]:
    """One action of a day, and the ordinals of its rows. Statuses and services that were not asked for are 0."""
    count = block["row_count"]
    statuses, services = block.get("statuses"), block.get("services")
    columns = Columns(
        np.frombuffer(block["users"], dtype="<i4"),
        np.frombuffer(block["times"], dtype="<i8"),
        np.full(count, block["action_id"]),
        np.zeros(count, dtype="<u1") if statuses is None else np.frombuffer(statuses, dtype="<u1"),
        np.zeros(count, dtype="<u2") if services is None else widened(services, count).astype(np.int64),
    )
    return columns, np.frombuffer(block["ordinals"], dtype="<i4")


def runs_of_day(day: Mapping[str, Any]) -> Runs:
    """Who was active on a day."""
    return Runs(
        np.frombuffer(day["users"], dtype="<i4"),
        np.frombuffer(day["counts"], dtype="<i4"),
        np.frombuffer(day["first_times"], dtype="<i8"),
        np.frombuffer(day["last_times"], dtype="<i8"),
    )


def sequence_of_day(day: Mapping[str, Any]) -> Sequence:
    """What was done on a day."""
    return Sequence(
        runs_of_day(day), widened(day["actions"], day["row_count"]), np.frombuffer(day["gaps"], dtype="<u2")
    )


def effective(rows: Columns, cut_us: int) -> Columns:
    """With the statuses as which they read: pending from before `cut_us` is timeout."""
    late = (rows.statuses == PENDING) & (rows.times < cut_us)
    return replace(rows, statuses=np.where(late, np.uint8(TIMEOUT), rows.statuses)) if late.any() else rows


def groups_of(rows: Rows, group: str | None) -> Ints:
    """What rows are grouped by: ``service_name``, ``result_status`` or ``property``; nothing for None."""
    if group == "service_name":
        return rows.columns.services
    if group == "result_status":
        return rows.columns.statuses
    return rows.properties if group == "property" else np.zeros(0, dtype=np.int64)


def numbered(new: dict[str, Any] | None, known: dict[int, Any], following: Callable[[], int]) -> dict[int, int]:
    """For each number below 0 of `new` the one that it has in `known`, where it is entered unless it is there."""
    numbers = {value: number for number, value in known.items()} if new else {}
    found = {}
    for text, value in (new or {}).items():
        name = tuple(value) if isinstance(value, list) else value
        if name not in numbers:
            numbers[name] = following()
            known[numbers[name]] = name
        found[int(text)] = numbers[name]
    return found


def renumbered(codes: Ints, numbers: dict[int, int]) -> Ints:
    """`codes`, where those below 0 are as `numbers` has them."""
    if not numbers:
        return codes
    table = np.zeros(len(numbers) + 1, dtype=np.int64)
    for number, there in numbers.items():
        table[-number] = there
    return np.where(codes < 0, table[np.where(codes < 0, -codes, 0)], codes)
