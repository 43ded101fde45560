"""Rows of rollups by columns, and how they are made from what a statement gives."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.figures.tables import Table
from prelude_analytics.figures.words import Words

__all__ = ["EARLIEST", "LATEST", "Dictionaries", "Frame", "Ints", "frame_of", "frames_of_arrays", "frames_of_days"]

Ints: TypeAlias = NDArray[Any]
Dictionaries: TypeAlias = dict[str, Words[Any]]
"""What the numbers of a table's texts mean, by column; ``key`` of all `Table.keys` together."""

Made = TypeVar("Made")

_PARTS: Final = 8
"""Parts of a frame that it remembers."""
EARLIEST: Final = np.iinfo(np.int64).min
"""A moment that is not there, where the last one counts."""
LATEST: Final = np.iinfo(np.int64).max
"""A moment that is not there, where the first one counts."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of one length, in the order of ``bucket``, which is in seconds since 1970. They do not change.

    Moments are microseconds since 1970; one that is missing is `LATEST` in ``first_at``, else `EARLIEST`.
    """

    columns: Mapping[str, Ints]
    _parts: dict[tuple[int, int], Frame] = field(default_factory=dict, repr=False, compare=False)
    _derived: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.columns["bucket"])

    def __getitem__(self, column: str) -> Ints:
        return self.columns[column]

    @property
    def size(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.columns.values())

    def between(self, since: int, until: int) -> Frame:
        """The rows of buckets from `since` on and before `until`, without a copy; the same frame for the same rows, asked again soon."""
        first, last = np.searchsorted(self.columns["bucket"], (since, until)).tolist()
        if first == 0 and last == len(self):
            return self
        part = self._parts.get((first, last))
        if part is None:
            while len(self._parts) >= _PARTS:
                del self._parts[next(iter(self._parts))]
            part = self._parts[first, last] = Frame({name: column[first:last] for name, column in self.columns.items()})
        return part

    def derived(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives, once for all who ask this frame for `name`."""
        if name not in self._derived:
            self._derived[name] = make()
        made: Made = self._derived[name]
        return made

    @classmethod
    def joined(cls, frames: Sequence[Frame]) -> Frame:
        """One after the other; at least one."""
        return cls({name: np.concatenate([frame[name] for frame in frames]) for name in frames[0].columns})


def frame_of(table: Table, dictionaries: Dictionaries, arrays: Mapping[str, Sequence[Any]]) -> Frame:
    """A frame from lists of one length, one for ``bucket`` and one for each of `Table.columns`; `dictionaries` learn new texts."""
    columns: dict[str, Ints] = {"bucket": np.array(arrays["bucket"], dtype=np.int64)}
    if table.keys:
        columns["key"] = dictionaries["key"].encode(list(zip(*(arrays[name] for name in table.keys), strict=True)))
    for name in table.names:
        columns[name] = dictionaries[name].encode(arrays[name])
    for name, kind in table.numbers:
        columns[name] = np.array(arrays[name], dtype=kind)
    for name in table.moments:
        columns[name] = _moments(arrays[name], LATEST if name.startswith("first") else EARLIEST)
    for name in table.exact:
        columns[name] = np.array(arrays[name], dtype=object)
    if table.sketched:
        columns = _spread(columns, arrays["marks"], arrays["counts"])
    return _in_order(columns)


def frames_of_days(table: Table, dictionaries: Dictionaries, rows: Iterable[Sequence[Any]]) -> dict[Any, Frame]:
    """Frames by day, from rows that begin with the day and the bucket."""
    days: dict[Any, list[Sequence[Any]]] = {}
    for row in rows:
        days.setdefault(row[0], []).append(row[1:])
    names = ("bucket", *table.columns)
    return {
        day: frame_of(table, dictionaries, dict(zip(names, zip(*found, strict=True), strict=True)))
        for day, found in days.items()
    }


def frames_of_arrays(table: Table, dictionaries: Dictionaries, rows: Iterable[Sequence[Any]]) -> dict[Any, Frame]:
    """Frames by day, from rows of a day and an array for each column."""
    names = ("bucket", *table.columns)
    return {day: frame_of(table, dictionaries, dict(zip(names, arrays, strict=True))) for day, *arrays in rows}


def _moments(seconds: Sequence[float | None], missing: int) -> Ints:
    values = np.array(seconds, dtype=np.float64)  # None becomes NaN
    absent = np.isnan(values)
    moments = np.rint(np.where(absent, 0, values) * 1e6).astype(np.int64)
    moments[absent] = missing
    return moments


def _spread(
    columns: dict[str, Ints], marks: Sequence[Sequence[int]], counts: Sequence[Sequence[int]]
) -> dict[str, Ints]:
    lengths = np.fromiter(map(len, marks), dtype=np.int64, count=len(marks))
    total = int(lengths.sum())
    spread = {name: np.repeat(column, lengths) for name, column in columns.items()}
    spread["mark"] = np.fromiter(chain.from_iterable(marks), dtype=np.int16, count=total)
    spread["count"] = np.fromiter(chain.from_iterable(counts), dtype=np.int64, count=total)
    return spread


def _in_order(columns: dict[str, Ints]) -> Frame:
    buckets = columns["bucket"]
    if len(buckets) < 2 or bool((buckets[1:] >= buckets[:-1]).all()):  # noqa: PLR2004 (a pair)
        return Frame(columns)
    order = np.argsort(buckets, kind="stable")
    return Frame({name: column[order] for name, column in columns.items()})
