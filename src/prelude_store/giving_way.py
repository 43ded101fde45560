"""Work that follows what is written gives way to it: while much is written it takes a part of a core, and does the rest afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from threading import Event

    from prelude_store.connection import Connection

__all__ = ["GivingWay", "share_at"]

_SHARE: Final = 0.1
"""Of a core that it takes while less than `_PATIENT` behind."""
_PATIENT: Final = 30.0
_LATE: Final = 60.0
"""Seconds behind, from which on it takes all that it needs: else it would never catch up with who always writes as fast as they can."""
_MUCH: Final = 2_000
"""Places of all lanes a second; where less is written, there is room for both."""
_LOOK_AGAIN: Final = 0.1
_WRITTEN: Final = "SELECT coalesce(sum(last_seq), 0)::bigint FROM public.ingest_lanes"


def share_at(behind: float) -> float:
    """Of a core that work takes that is `behind` seconds behind while much is written."""
    late = min(max((behind - _PATIENT) / (_LATE - _PATIENT), 0.0), 1.0)
    return _SHARE + late * (1.0 - _SHARE)


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
        ended = time.monotonic()
        if not left:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = ended
        while not stop.is_set() and self._much_is_written():
            now = time.monotonic()
            behind = 0.0 if self._behind_since is None else now - self._behind_since
            over = ended + worked * (1 / share_at(behind) - 1) - now
            if over <= 0:
                return
            stop.wait(min(over, _LOOK_AGAIN))

    def _much_is_written(self) -> bool:
        """Since the last look."""
        before, at = self._seen, self._looked_at
        self._seen, self._looked_at = self._written(), time.monotonic()
        return self._seen - before > _MUCH * (self._looked_at - at)

    def _written(self) -> int:
        row = self._connection.execute(_WRITTEN).fetchone()
        assert row is not None  # noqa: S101 (an aggregate)
        return int(row[0])
