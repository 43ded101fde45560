"""Work that follows what is written gives way to it: it rests between its steps, so that it takes no more than a share of a core.

`GivingWay` is that of keepers, while much is written; `prelude_store.seals.pace` says what the sealer takes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from prelude_store.connection import Connection

__all__ = ["GivingWay", "rest", "rising", "share_at"]

_SHARE: Final = 0.1
"""Of a core that it takes while less than `_PATIENT` behind."""
_PATIENT: Final = 30.0
_LATE: Final = 60.0
"""Seconds behind, from which on it takes all that it needs: else it would never catch up with who always writes as fast as they can."""
_MUCH: Final = 2_000
"""Places of all lanes a second; where less is written, there is room for both."""
_LOOK_AGAIN: Final = 0.1
_WRITTEN: Final = "SELECT coalesce(sum(last_seq), 0)::bigint FROM public.ingest_lanes"


def rising(behind: float, patient: float, late: float, least: float, most: float) -> float:
    """`least` up to `patient` seconds behind, `most` from `late` on, if that is more, and evenly more between them."""
    part = min(max((behind - patient) / (late - patient), 0.0), 1.0)
    return least + part * max(most - least, 0.0)


def rest(
    stop: Event,
    worked: float,
    share: Callable[[float], float],
    look_again: float,
    needed: Callable[[], bool] = lambda: True,
) -> None:
    """Rest after a step of `worked` seconds, until it has taken but a share of the time, or `stop` is set.

    Args:
        share: gives it for a moment of `time.monotonic`: it may grow while one rests.
        look_again: seconds between two looks at that.
        needed: asked at each of them; False ends the rest.
    """
    ended = time.monotonic()
    while not stop.is_set() and needed():
        now = time.monotonic()
        over = ended + worked * (1 / share(now) - 1) - now
        if over <= 0:
            return
        stop.wait(min(over, look_again))


def share_at(behind: float) -> float:
    """Of a core that a keeper takes that is `behind` seconds behind while much is written."""
    return rising(behind, _PATIENT, _LATE, _SHARE, 1.0)


class GivingWay:
    """The rests between steps of such a work.

    Args:
        connection: in autocommit mode, of who may read lanes; asked ten times a second during a rest.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._behind_since: float | None = None
        self._looked_at = time.monotonic()
        self._seen = self._written()

    def rest(self, stop: Event, worked: float, *, left: bool) -> None:
        """Rest after a step of `worked` seconds; not at all where little is written, or `stop` is set.

        Args:
            left: the step left something to do.
        """
        if not left:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = time.monotonic()
        rest(stop, worked, self._share, _LOOK_AGAIN, self._much_is_written)

    def _share(self, now: float) -> float:
        return share_at(0.0 if self._behind_since is None else now - self._behind_since)

    def _much_is_written(self) -> bool:
        """Since the last look."""
        before, at = self._seen, self._looked_at
        self._seen, self._looked_at = self._written(), time.monotonic()
        return self._seen - before > _MUCH * (self._looked_at - at)

    def _written(self) -> int:
        row = self._connection.execute(_WRITTEN).fetchone()
        assert row is not None  # noqa: S101 (an aggregate)
        return int(row[0])
