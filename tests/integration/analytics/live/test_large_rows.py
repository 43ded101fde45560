"""Rows of great size: a look at the lanes holds as many bytes as it may, and the rest comes with the next one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from prelude_analytics.live.feed import open_feed
from prelude_analytics.live.ring import reaches
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.rows import make_row, waiting_row

if TYPE_CHECKING:
    from prelude_analytics.live.entry import Entry
    from prelude_analytics.live.frames import Tick
    from prelude_store.row import ActivityRow

ROW = 50_000
BYTES = 10 * ROW
LARGE = f'{{"text":"{"x" * ROW}"}}'


def large() -> ActivityRow:
    return make_row(action_data=LARGE)


def read(reader: str, cursor: dict[int, int] | None = None, size: int = BYTES) -> tuple[list[Tick], dict[int, int]]:
    """All ticks behind `cursor`, without what earlier ones have, and where they end."""

    async def ticks() -> tuple[list[Tick], dict[int, int]]:
        found: list[Tick] = []
        async with open_feed(reader, timedelta(hours=24), size=size) as feed:
            newest = await feed.newest()
            position = cursor or {}
            while not reaches(position, newest):
                tick = await feed.tick(position, newest, lambda _: None)
                assert tick.before == position
                assert not reaches(position, tick.after)
                position = tick.after
                found.append(tick)
        return found, newest

    return asyncio.run(ticks())


def test_a_tick_holds_no_more_bytes_than_it_may_and_nothing_is_left_out(
    reader: str, writer: Writer, second_writer: Writer
) -> None:
    for _ in range(3):
        writer.write(Batch(rows=[large() for _ in range(25)]))
        second_writer.write(Batch(rows=[make_row() for _ in range(40)]))
        second_writer.write(Batch(rows=[large() for _ in range(5)]))
    ticks, newest = read(reader)
    # What is allowed, a row of each lane beyond, and the little ones.
    assert max(tick.size for tick in ticks) < BYTES + 2 * ROW + 200 * 1_000
    assert len(ticks) > 5
    places = [(entry.lane, entry.seq) for tick in ticks for entry in tick.entries]
    assert sorted(places) == [(lane, seq) for lane in sorted(newest) for seq in range(1, newest[lane] + 1)]
    for tick in ticks:
        assert [(entry.lane, entry.seq) for entry in tick.entries] == sorted(
            (entry.lane, entry.seq) for entry in tick.entries
        )


def test_one_row_that_is_larger_than_allowed_comes_alone(reader: str, writer: Writer) -> None:
    writer.write(Batch(rows=[large() for _ in range(3)]))
    ticks, _ = read(reader, size=1)
    assert [len(tick.entries) for tick in ticks] == [1, 1, 1]


def test_durations_of_large_rows_are_told_tick_by_tick(reader: str, writer: Writer, second_writer: Writer) -> None:
    rows = [waiting_row(action_data=LARGE) for _ in range(30)]
    writer.write(Batch(rows=rows))
    _, newest = read(reader)
    second_writer.write(Batch(rows=[make_row()]))
    second_writer.write(Batch(spans=[SpanLength(row.trace_id or "", row.span_id or "", 7_000_000) for row in rows]))
    second_writer.write(Batch(rows=[make_row()]))
    ticks, _ = read(reader, newest)
    entries: list[Entry] = [entry for tick in ticks for entry in tick.entries]
    assert sorted(entry.event_id for entry in entries if entry.amends) == sorted(row.event_id for row in rows)
    assert all(entry.row is not None for entry in entries)
    assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
    assert len(entries) == 32
    assert max(tick.size for tick in ticks) < BYTES + ROW + 100_000
