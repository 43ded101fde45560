"""How far the sealer is behind, and how much of a core it takes for that: pure functions of what its passes saw."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from prelude_store.giving_way import rising

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HURRY", "LATE", "MOST", "SHARE", "Lag", "share_at"]

SHARE: Final = 0.25
"""Of a core that sealing takes at most while it is less than `HURRY` behind: what is written goes first."""
MOST: Final = 0.6
"""Of a core that it takes at most when it is `LATE`."""
HURRY: Final = 0.6
LATE: Final = 1.4
"""Seconds."""

_MOST_MARKS: Final = 128


def share_at(lag: float, share: float = SHARE) -> float:
    """Of a core that a sealer takes that is `lag` seconds behind; never less than `share`."""
    return rising(lag, HURRY, LATE, share, MOST)


class Lag:
    """Since when something is committed and not sealed, as passes see it.

    The age of a row is not known, but what each pass saw of the ends of lanes is: once all that one saw is sealed, whatever is not
    was committed after that pass began.

    Attributes:
        since: all that was committed before then (`time.monotonic`) is sealed; None while nothing is left over.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self._marks: deque[tuple[float, dict[int, int]]] = deque()
        self._sealed: dict[int, int] = {}
        self._clean: float | None = None

    def note(self, begun: float, lanes: Iterable[tuple[int, int, int]]) -> None:
        """A pass that began at `begun` found these lanes behind: (lane, up to which number it is sealed now, its last number)."""
        ends: dict[int, int] = {}
        for lane, until, last in lanes:
            self._sealed[lane] = until
            ends[lane] = last
        if not self._marks and self._clean is None:
            self._clean = begun
        self._marks.append((begun, ends))
        while self._marks and self._all_sealed(self._marks[0][1]):
            self._clean, _ = self._marks.popleft()
        if len(self._marks) >= _MOST_MARKS:
            self._marks = deque(list(self._marks)[1::2])
        self.since = self._clean if self._marks else None

    def seconds(self, now: float) -> float:
        """How long something waits at most."""
        return 0.0 if self.since is None else now - self.since

    def _all_sealed(self, ends: dict[int, int]) -> bool:
        return all(self._sealed.get(lane, 0) >= last for lane, last in ends.items())
