"""Texts as numbers: each gets the next one when it is met first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Words"]

Value = TypeVar("Value", bound=Hashable)
Given = TypeVar("Given", bound=Hashable)


class Words(Generic[Value]):
    """Values, and the numbers that stand for them."""

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> list[Value]:
        """By number, those that there are now; others may learn more meanwhile, in threads of their own."""
        return self._values.copy()

    def __getitem__(self, number: int) -> Value:
        return self._values[number]

    def number(self, value: Value) -> int | None:
        """The number of `value`; None where it was never met."""
        return self._numbers.get(value)

    def encode(self, values: Sequence[Value]) -> NDArray[np.int32]:
        """The numbers of `values`."""
        numbers, known = self._numbers, self._values
        with self._lock:
            for value in dict.fromkeys(values):
                if value not in numbers:
                    known.append(value)
                    numbers[value] = len(known) - 1
        return np.fromiter(map(numbers.__getitem__, values), dtype=np.int32, count=len(values))

    def grouped(self, by: Callable[[Value], Given | None]) -> tuple[NDArray[np.int64], list[Given]]:
        """For each number its group, and the groups: what `by` gives of the value. -1 where that is None."""
        groups: dict[Given, int] = {}
        values = self.values
        places = np.full(len(values), -1, dtype=np.int64)
        for number, value in enumerate(values):
            group = by(value)
            if group is not None:
                places[number] = groups.setdefault(group, len(groups))
        return places, list(groups)

    def where(self, holds: Callable[[Value], bool]) -> NDArray[np.bool_]:
        """For each number whether `holds` says so of the value."""
        values = self.values
        return np.fromiter(map(holds, values), dtype=np.bool_, count=len(values))
