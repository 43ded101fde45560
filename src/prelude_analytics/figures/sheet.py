"""What one figure is counted from: rollups where they know all that is asked, else rows, within a bound; in the same columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from prelude_analytics import queries
from prelude_analytics.cursors import Watermark
from prelude_analytics.figures.frames import EARLIEST, LATEST, Dictionaries, Frame, Ints, frame_of
from prelude_analytics.figures.memory import new_dictionaries
from prelude_analytics.figures.reading import Reading
from prelude_analytics.figures.tables import Table
from prelude_analytics.filters import Filters
from prelude_analytics.problems import Problem
from prelude_analytics.ranges import pieces
from prelude_analytics.sources import (
    MOST_ROWS,
    Counting,
    asked_rows,
    between,
    in_lanes,
)
from prelude_analytics.statuses import ORDER
from prelude_otel.contract.vocabulary import PENDING, TIMEOUT

__all__ = ["Chunk", "Sheet", "edges_of", "sheet"]

MOST_NEWER: Final = MOST_ROWS
"""Rows and amendments that may have been counted since the first page of a ranking, for another page of it."""
_LONGEST_KEY: Final = 256
"""Bytes of a text in the keys of rollups; `prelude_key` cuts what is longer."""
_CUT_TO: Final = 40


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a sheet.

    Attributes:
        late: what is pending in it reads as a timeout.
    """

    frame: Frame
    late: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of rollups, filtered.

    Attributes:
        kind: what was read.
        as_of: what was committed before then is counted.
        rows_kept_from: from when on all that was asked for is there; None: none of it went by retention.
    """

    kind: Literal["rollups", "rows"]
    watermark: Watermark
    as_of: datetime | None
    table: Table
    chunks: list[Chunk]
    dictionaries: Dictionaries
    rows_kept_from: datetime | None = None
    _statuses: dict[bool, Ints] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(chunk.frame) for chunk in self.chunks)

    def key(self, value: tuple[str, ...], column: str) -> str:
        """What `value` of the dictionary of keys has in `column`."""
        return value[self.table.keys.index(column)]

    def grouped(self, *columns: str) -> tuple[Ints, list[tuple[str, ...]]]:
        """For each number of the keys its group; and the groups: what the keys have in `columns`."""
        places = [self.table.keys.index(column) for column in columns]
        return self.dictionaries["key"].grouped(lambda key: tuple(key[place] for place in places))

    def statuses(self, chunk: Chunk) -> Ints:
        """For each number of the keys the place in `statuses.ORDER` of the status as which its rows in `chunk` read."""
        words = self.dictionaries["key"].values
        if len(known := self._statuses.get(chunk.late, ())) == len(words):
            return np.asarray(known)
        place = self.table.keys.index("result_status")
        read = {status: ORDER.index(TIMEOUT if chunk.late and status == PENDING else status) for status in ORDER}
        found = self._statuses[chunk.late] = np.fromiter(
            (read[key[place]] for key in words), dtype=np.int64, count=len(words)
        )
        return found

    def sums(
        self, column: str, size: int, place: Callable[[Chunk], Ints], weigh: Callable[[Chunk], Ints] | None = None
    ) -> NDArray[np.int64]:
        """Sums of `column` by place: `place` gives for each row of a chunk a number from 0 to below `size`."""
        found = np.zeros(size)
        for chunk in self.chunks:
            weights = chunk.frame[column] if weigh is None else weigh(chunk)
            found += np.bincount(place(chunk), weights=weights, minlength=size)
        return np.rint(found).astype(np.int64)

    def by_status(self, size: int, place: Callable[[Chunk], Ints], column: str = "count") -> NDArray[np.int64]:
        """Sums of `column` by place, of each status: a row for each place, a column for each of `statuses.ORDER`."""
        statuses = len(ORDER)

        def both(chunk: Chunk) -> Ints:
            placed: Ints = place(chunk) * statuses + self.statuses(chunk)[chunk.frame["key"]]
            return placed

        return self.sums(column, size * statuses, both).reshape(size, statuses)


def edges_of(edges: Sequence[datetime]) -> Callable[[Chunk], Ints]:
    """For rows of a chunk the number of the step that they are in; steps begin at `edges`, of which the last is the end."""
    seconds = np.array([edge.timestamp() for edge in edges], dtype=np.int64)

    def step(chunk: Chunk) -> Ints:
        found: Ints = np.searchsorted(seconds, chunk.frame["bucket"], side="right") - 1
        return found

    return step


async def sheet(
    reading: Reading,
    table: Table,
    counting: Counting,
    edges: Sequence[datetime] = (),
    beside: Table | None = None,
    grains: Sequence[int] | None = None,
) -> Sheet:
    """What `counting` is answered from.

    Args:
        edges: moments that no bucket may cross; the range's ends do not matter.
        beside: what else the same answer reads; both come from rollups, or both from rows, so that they agree.
        grains: of `table`, those that may be read.

    Raises:
        Problem: 422, the rollups do not know what is asked, and rows would be too many.
    """
    if counting.filters.within(table.filters & (beside or table).filters):
        return await _of_rollups(reading, table, counting, edges, grains or table.grains)
    return await _of_rows(reading, table, counting)


async def _of_rollups(
    reading: Reading, table: Table, counting: Counting, edges: Sequence[datetime], grains: Sequence[int]
) -> Sheet:
    since, until = counting.range.from_, counting.range.to
    watermark, as_of = await reading.counted(counting.cut)
    bounds = [since, *(edge for edge in edges if since < edge < until), until]
    cover = pieces(bounds, counting.cut, grains, mixed=table.mixed)
    await reading.learn(since, until)
    while True:
        chunks: list[Chunk] = []
        known: list[Dictionaries] = []
        for grain, since, until in cover:
            frames, dictionaries = await reading.frames(table, grain, since, until)
            known.append(dictionaries)
            chunks += [Chunk(frame, since < counting.cut) for frame in frames]
        if all(one is known[0] for one in known):
            break  # else the memory forgot the table in between
    newer: list[Chunk] = []
    if counting.as_of is not None:
        newer = await _newer(reading, table, counting, known[0])
        watermark, as_of = counting.as_of, None
    kept_from = None
    if table.people or "user_email" in counting.filters.given:
        asked = counting.range
        kept_from = await reading.rows_kept_from(counting.filters, asked.from_, asked.to, people=True)
    found = Sheet("rollups", watermark, as_of, table, chunks + newer, known[0], kept_from)
    if not counting.filters.given:
        return found
    kept = [Chunk(frame, chunk.late) for chunk in chunks if len(frame := _filtered(found, chunk, counting.filters))]
    return Sheet("rollups", watermark, as_of, table, kept + newer, known[0], kept_from)


async def _newer(reading: Reading, table: Table, counting: Counting, dictionaries: Dictionaries) -> list[Chunk]:
    """Less than nothing of what the rollups have counted since the watermark that is asked for.

    Pending rows that were ended since are not brought back: no index leads to them. They are no successes, by which rankings go.

    Raises:
        Problem: 422, too much was counted since: nobody could say any more who stood where.
    """
    counted, _ = await reading.counted(counting.cut)
    places = between(counting.as_of or counted, counted)
    if not table.numbers or not places:
        return []
    behind = sum(last - first for _, first, last in places)
    if behind > MOST_NEWER:
        raise Problem(
            422,
            "The cursor is too old",
            f"{behind:,} rows and amendments were counted since the first page; at most {MOST_NEWER:,} can be taken back: begin without a cursor",
            parameter="cursor",
        )
    condition, parameters = asked_rows(counting.filters)
    parameters |= {"since": counting.range.from_, "until": counting.range.to} | counted.parameters()
    arrays = await _arrays(reading, table, f"{condition} AND {in_lanes(places)}", parameters)
    for name in (*table.keys, *table.names):
        arrays[name] = [_as_key(text) for text in arrays[name]]
    frame = frame_of(table, dictionaries, arrays)
    columns = {name: -column if name in dict(table.numbers) else column for name, column in frame.columns.items()}
    for name in table.moments:
        columns[name] = np.full(len(frame), LATEST if name.startswith("first") else EARLIEST, dtype=np.int64)
    return [Chunk(Frame(columns), late=False)] if len(frame) else []


def _filtered(of: Sheet, chunk: Chunk, filters: Filters) -> Frame:
    passing = np.ones(len(chunk.frame), dtype=bool)
    keys = {name: _as_key(value) for name, value in filters.given.items() if name in of.table.keys}
    wanted_status = keys.pop("result_status", None)
    if keys:
        places = [(of.table.keys.index(name), value) for name, value in keys.items()]
        holds = of.dictionaries["key"].where(lambda key: all(key[place] == value for place, value in places))
        passing &= holds[chunk.frame["key"]]
    if wanted_status is not None:
        passing &= (of.statuses(chunk) == ORDER.index(wanted_status))[chunk.frame["key"]]
    for name in of.table.names:
        if name in filters.given:
            number = of.dictionaries[name].number(_as_key(filters.given[name]))
            passing &= chunk.frame[name] == (-1 if number is None else number)
    return Frame({name: column[passing] for name, column in chunk.frame.columns.items()})


async def _of_rows(reading: Reading, table: Table, counting: Counting) -> Sheet:
    watermark, as_of = counting.as_of, None
    if watermark is None:
        watermark, as_of = await reading.committed(counting.cut)
    condition, parameters = asked_rows(counting.filters)
    parameters |= {"since": counting.range.from_, "until": counting.range.to}
    parameters |= watermark.parameters()
    asked = counting.range
    await reading.bounded(counting, parameters)

    async def found() -> tuple[Frame, Dictionaries]:
        dictionaries = new_dictionaries(table)
        return frame_of(table, dictionaries, await _arrays(reading, table, condition, parameters)), dictionaries

    frame, dictionaries = await reading.once(
        (table.name, watermark.token, counting.filters, asked.from_, asked.to), found
    )
    kept_from = await reading.rows_kept_from(counting.filters, asked.from_, asked.to, people=table.people)
    chunks = [Chunk(frame, late=False)] if len(frame) else []
    return Sheet("rows", watermark, as_of, table, chunks, dictionaries, kept_from)


async def _arrays(
    reading: Reading, table: Table, condition: str, parameters: dict[str, Any]
) -> dict[str, Sequence[Any]]:
    """Columns of what rows say, where the rollups do not."""
    statement = queries.load(f"{table.name}_rows", **{"filters} AND {counted": condition})
    columns: dict[str, Sequence[Any]] = dict.fromkeys(("bucket", *table.columns), ())
    if rows := await reading.rows(statement, parameters):
        columns = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return columns


def _as_key(text: str) -> str:
    """As `prelude_key` has it in the database."""
    if len(text.encode()) <= _LONGEST_KEY:
        return text
    return f"{text[:_CUT_TO]}…{md5(text.encode(), usedforsecurity=False).hexdigest()}"
