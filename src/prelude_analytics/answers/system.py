"""How the log itself fares: how fast rows come, how late, what waits, how fresh the figures are, and how large it all is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from prelude_analytics import queries
from prelude_analytics.answers.exporter import Exporter
from prelude_analytics.sources import fetch
from prelude_analytics.statuses import QUARTER, quarter_floor

if TYPE_CHECKING:
    from prelude_analytics.care import Waiting
    from prelude_analytics.database import Connection

__all__ = ["LagWindow", "System", "system"]

_MOST_OF_STEP: Final = 200
"""Rows of one step of time whose lag is looked at."""
_MOST_NOW: Final = 100_000
_DAY: Final = timedelta(days=1)
_WINDOWS: Final = ((timedelta(minutes=5), 5), (timedelta(hours=1), 12), (_DAY, 24))
"""How far back lags are told, and in how many steps."""


class LagStep(BaseModel):
    """Lags of a step of time."""

    start: datetime
    rows: int = Field(description="That were looked at.")
    p50_ms: float | None
    p95_ms: float | None


class LagWindow(BaseModel):
    """From the end of an action to its row, for actions of the last minutes that are younger than the log."""

    minutes: int
    rows: int = Field(description="That were looked at.")
    sampled: bool = Field(description="Whether there are more: of each step of time the newest were looked at.")
    p50_ms: float | None
    p95_ms: float | None
    over_time: list[LagStep]


class RateStep(BaseModel):
    """Activities of a quarter of an hour."""

    start: datetime
    rows: int


class Rate(BaseModel):
    """How many rows come."""

    last_minute: int = Field(description="Rows whose action began within the last minute.")
    at_least: bool = Field(description="Whether there are more than were counted.")
    over_time: list[RateStep] = Field(description="Of the last day, as far as the figures have counted.")


class Reason(BaseModel):
    """Entries of the quarantine that wait, for one reason."""

    reason: str
    count: int


class Joins(BaseModel):
    """Halves that wait for each other: records for their span, spans for their record."""

    records: int
    spans: int
    oldest_seconds: float = Field(description="Since when the oldest record waits; 0 where none does.")


class Figures(BaseModel):
    """How fresh rollups and sessions are."""

    as_of: datetime | None = Field(description="What was committed before then is counted.")
    behind: int = Field(description="Rows and amendments that are not counted yet.")
    to_rebuild: int = Field(description="Days that are being built anew.")


class Timeline(BaseModel):
    """How fresh that is which answers what follows what."""

    followed_at: datetime | None
    built_at: datetime | None
    days: int
    dirty: int = Field(description="Days to which rows came since they were built.")


class Lane(BaseModel):
    """One order of commits."""

    lane: int
    last_seq: int
    counted: int = Field(description="How far the figures have come.")


class Partition(BaseModel):
    """A week of the log, with its indexes."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    from_: datetime = Field(alias="from")
    to: datetime
    rows: int | None = Field(description="As the database's own statistics have it; null before they were made.")
    bytes: int


class DatabaseShown(BaseModel):
    """The database as a whole."""

    server_version: str
    schema_version: int
    bytes: int
    began: datetime = Field(description="When the log was made; what happened before then was brought in afterwards.")


class System(BaseModel):
    """How the log fares."""

    as_of: datetime
    lag: list[LagWindow]
    rate: Rate
    quarantine: list[Reason] | None = Field(
        description="The most frequent first; null where the service has no login for it."
    )
    joins: Joins | None = Field(description="Null where the service has no login for it.")
    figures: Figures
    timeline: Timeline
    lanes: list[Lane]
    partitions: list[Partition] = Field(description="The newest first.")
    database: DatabaseShown
    exporter: Exporter


async def system(connection: Connection, waiting: Waiting | None, exporter: Exporter) -> System:
    """All of it, of one moment."""
    database = await _one(connection, "system_database")
    now, began = (database[name].astimezone(UTC) for name in ("now", "began"))
    figures = await _one(connection, "system_figures")
    lanes = [Lane(**row) for row in await fetch(connection, queries.load("system_lanes"), {})]
    return System(
        as_of=now,
        lag=[await _lag(connection, now, length, steps, began) for length, steps in _WINDOWS],
        rate=await _rate(connection, now),
        quarantine=None if waiting is None else _reasons(waiting),
        joins=None if waiting is None else _joins(waiting),
        figures=Figures(**figures, behind=sum(lane.last_seq - lane.counted for lane in lanes)),
        timeline=Timeline(**await _one(connection, "system_timeline")),
        lanes=lanes,
        partitions=[Partition(**row) for row in await fetch(connection, queries.load("system_partitions"), {})],
        database=DatabaseShown(**database | {"began": began}),
        exporter=exporter,
    )


async def _lag(connection: Connection, now: datetime, length: timedelta, steps: int, began: datetime) -> LagWindow:
    asked = {"since": now - length, "until": now, "step": length / steps, "most": _MOST_OF_STEP, "began": began}
    found = await fetch(connection, queries.load("system_lag"), asked)
    whole = next((row for row in found if row["start"] is None), None)
    by_start = {row["start"]: row for row in found if row["start"] is not None}
    starts = [now - length + length / steps * step for step in range(steps)]
    return LagWindow(
        minutes=round(length.total_seconds() / 60),
        rows=whole["rows"] if whole else 0,
        sampled=any(row["rows"] >= _MOST_OF_STEP for row in by_start.values()),
        p50_ms=whole["p50"] if whole else None,
        p95_ms=whole["p95"] if whole else None,
        over_time=[_step(start, by_start.get(start)) for start in starts],
    )


def _step(start: datetime, row: dict[str, Any] | None) -> LagStep:
    if row is None:
        return LagStep(start=start, rows=0, p50_ms=None, p95_ms=None)
    return LagStep(start=start, rows=row["rows"], p50_ms=row["p50"], p95_ms=row["p95"])


async def _rate(connection: Connection, now: datetime) -> Rate:
    recent = await _one(connection, "system_now", until=now, most=_MOST_NOW)
    until = quarter_floor(now) + QUARTER
    found = await fetch(connection, queries.load("system_rates"), {"since": until - _DAY, "until": until})
    by_start = {row["start"]: row["rows"] for row in found}
    starts = [until - _DAY + QUARTER * step for step in range(_DAY // QUARTER)]
    return Rate(
        last_minute=recent["rows"],
        at_least=recent["rows"] >= _MOST_NOW,
        over_time=[RateStep(start=start, rows=by_start.get(start, 0)) for start in starts],
    )


def _reasons(waiting: Waiting) -> list[Reason]:
    ordered = sorted(waiting.reasons.items(), key=lambda one: (-one[1], one[0]))
    return [Reason(reason=reason, count=count) for reason, count in ordered]


def _joins(waiting: Waiting) -> Joins:
    found = waiting.joins
    return Joins(
        records=found.keys_waiting_for_span,
        spans=found.spans_waiting_for_row,
        oldest_seconds=found.oldest_waiting_seconds,
    )


async def _one(connection: Connection, name: str, **parameters: Any) -> dict[str, Any]:
    (found,) = await fetch(connection, queries.load(name), parameters)
    return found
