"""What came lately can be read on from any cursor, without a gap and without a repeat."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from prelude_analytics.cursors import Watermark
from prelude_analytics.live.entry import Entry
from prelude_analytics.live.frames import FRAME_BYTES, Tick, frames
from prelude_analytics.live.ring import Ring, distance, reaches
from tests.support.oracle_cases import how_many

CASES = how_many(50)
CUT = datetime(2026, 3, 1, tzinfo=UTC)
LANES = (1, 2, 3)
Cursor = dict[int, int]

_steps = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), max_size=12)


def made(lane: int, seq: int, size: int = 10) -> Entry:
    return Entry(lane, seq, f"{lane}-{seq}", b"1" * size, row=None, equals={}, tags=())


def filled(steps: list[list[int]], size: int = 10, most: int = 1000) -> Ring:
    """A ring with a tick for each step; a step says how many numbers each lane moves on. Every fifth number is no entry."""
    position: Cursor = {1: 0}
    ring = Ring(position, entries=most)
    for step in steps:
        after = dict(position)
        entries = []
        for lane, count in zip(LANES, step, strict=True):
            for _ in range(count):
                after[lane] = after.get(lane, 0) + 1
                if after[lane] % 5:
                    entries.append(made(lane, after[lane], size))
        if after != position:
            ring.add(Tick(entries, position, after, CUT))
            position = after
    return ring


@settings(max_examples=CASES)
@given(_steps, st.lists(st.integers(0, 40), min_size=3, max_size=3), st.sampled_from([10, FRAME_BYTES // 2]), st.data())
def test_from_any_cursor_the_rest_comes_once(
    steps: list[list[int]], at: list[int], size: int, data: st.DataObject
) -> None:
    ring = filled(steps, size)
    end = ring.position
    cursor = {lane: min(seq, end.get(lane, 0)) for lane, seq in zip(LANES, at, strict=True)}
    expected = {(lane, seq) for lane in LANES for seq in range(cursor[lane] + 1, end.get(lane, 0) + 1) if seq % 5}
    assert distance(cursor, end) >= len(expected)
    got: list[tuple[int, int]] = []
    while not reaches(cursor, end):
        tick = ring.behind(cursor)
        cursor = tick.after
        sent = 0
        for frame in frames(tick, tick.entries):
            part = tick.entries[sent : sent + frame.size]
            got += [(entry.lane, entry.seq) for entry in part]
            sent += frame.size
            if data.draw(st.booleans()):  # the client comes back with the cursor of this frame
                cursor = dict(Watermark.read(frame.cursor).lanes)
                break
    assert len(got) == len(set(got))
    assert set(got) == expected
    assert ring.behind(cursor).entries == []


@given(_steps)
def test_what_was_let_go_is_not_covered(steps: list[list[int]]) -> None:
    ring = filled(steps, most=5)
    assert ring.covers(ring.position)
    kept = {(entry.lane, entry.seq) for tick in ring._ticks for entry in tick.entries}
    start: Cursor = {}
    if ring.covers(start):
        total = sum(1 for lane in LANES for seq in range(1, ring.position.get(lane, 0) + 1) if seq % 5)
        assert total == len(kept)
    assert set(ring._rows) == {f"{lane}-{seq}" for lane, seq in kept}


def test_a_frame_is_closed_before_it_grows_too_large() -> None:
    entries = [made(1, seq, FRAME_BYTES * 2 // 5) for seq in range(1, 8)]
    tick = Tick(entries, {1: 0, 2: 5}, {1: 7, 2: 9}, CUT)
    found = list(frames(tick, entries))
    assert [frame.size for frame in found] == [2, 2, 2, 1]
    assert [dict(Watermark.read(frame.cursor).lanes) for frame in found] == [
        {1: 2, 2: 5},
        {1: 4, 2: 5},
        {1: 6, 2: 5},
        {1: 7, 2: 9},
    ]
