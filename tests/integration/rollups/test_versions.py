"""Each UTC day of the rollups has a version: another one when a count of that day changed, and only then."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from prelude_store.connection import Connection
from prelude_store.rollups import building, passes
from prelude_store.row import SpanLength
from prelude_store.timeline.moments import microseconds
from prelude_store.writer import Batch, Writer
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]

DAYS = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5))
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = DAYS
TRACE, SPAN = "a" * 32, "b" * 16


def at(day: date) -> int:
    return microseconds(datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC))


class Changes:
    """What changed since the last look."""

    def __init__(self, superuser: Superuser) -> None:
        self._superuser = superuser
        self._known: dict[date, int] = {}

    def look(self) -> set[date]:
        found: dict[date, int] = dict(self._superuser.execute("SELECT day, version FROM rollup_days").fetchall())
        changed = {day for day, version in found.items() if self._known.get(day) != version}
        self._known = found
        return changed


@pytest.fixture
def changes(superuser: Superuser) -> Changes:
    return Changes(superuser)


def test_just_the_days_that_a_pass_touches_have_another_version(
    writer: Writer, keeping: Connection, changes: Changes
) -> None:
    pending = make_row(timestamp_us=at(TUESDAY), result_status="pending", duration_ms=None)
    waiting = make_row(
        timestamp_us=at(WEDNESDAY), trace_id=TRACE, span_id=SPAN, waits=True, duration_ms=None, user_email=None
    )
    writer.write(Batch(rows=[make_row(timestamp_us=at(MONDAY)), pending, waiting]))
    passes.carry_out(keeping)
    assert changes.look() == {MONDAY, TUESDAY, WEDNESDAY}
    passes.carry_out(keeping)
    assert changes.look() == set()  # nothing came

    writer.write(Batch(rows=[make_row(timestamp_us=at(MONDAY))]))
    passes.carry_out(keeping)
    assert changes.look() == {MONDAY}  # a late row

    writer.write(Batch(spans=[SpanLength(TRACE, SPAN, 51_000_000)]))
    passes.carry_out(keeping)
    assert changes.look() == {WEDNESDAY}  # a late duration

    writer.write(Batch(rows=[make_row(timestamp_us=at(THURSDAY), completes_event_id=pending.event_id)]))
    passes.carry_out(keeping)
    assert changes.look() == {TUESDAY, THURSDAY}  # what was pending there is taken back

    late = make_row(timestamp_us=at(MONDAY), result_status="pending")
    writer.write(Batch(rows=[make_row(timestamp_us=at(THURSDAY), completes_event_id=late.event_id)]))
    writer.write(Batch(rows=[late]))
    passes.carry_out(keeping)
    assert changes.look() == {THURSDAY}  # what is ended before it comes never counts


def test_a_rebuild_gives_every_day_another_version_one_by_one_and_those_that_are_no_more_as_well(
    writer: Writer, keeping: Connection, superuser: Superuser, changes: Changes
) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=at(day)) for day in (MONDAY, TUESDAY, WEDNESDAY)]))
    passes.carry_out(keeping)
    changes.look()
    superuser.execute("DELETE FROM user_activity_logs WHERE timestamp < '2026-03-03Z'")
    building.begin(keeping)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        assert building.build_next(keeping, "rollups")
        assert changes.look() == {day}
    while building.build_next(keeping):
        pass
    assert changes.look() == set()
    assert superuser.execute("SELECT FROM user_rollups WHERE bucket < '2026-03-03Z'").fetchone() is None


def test_a_pass_that_is_undone_tells_nothing(writer: Writer, keeping: Connection, changes: Changes) -> None:
    def break_off(_: Connection) -> None:
        raise InterruptedError

    writer.write(Batch(rows=[make_row(timestamp_us=at(MONDAY))]))
    with pytest.raises(InterruptedError):
        passes.carry_out(keeping, then=[break_off])
    assert changes.look() == set()
