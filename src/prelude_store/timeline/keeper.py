"""The timeline's keeper: a thread, or a process, that makes days anew as they change. Beside that of the rollups: a day takes longer
to make than a pass may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prelude_store import migrations
from prelude_store.connection import connect
from prelude_store.giving_way import GivingWay
from prelude_store.perseverance import persevere
from prelude_store.timeline.tend import tend

if TYPE_CHECKING:
    from threading import Event

__all__ = ["TimelineKeeper"]

_INTERVAL: Final = 2.0
"""Seconds between looks at what has changed."""


class TimelineKeeper:
    """Keeps the timeline until it is told to stop. Several may run: they take turns.

    Args:
        conninfo: a login that is a member of ``prelude_keeper`` needs no other right.
        interval: seconds between looks at what has changed.
    """

    def __init__(self, conninfo: str, *, interval: float = _INTERVAL) -> None:
        self._conninfo = conninfo
        self._interval = interval

    def run(self, stop: Event) -> None:
        """Keep it until `stop` is set. A database that is away is waited for; what is wrong is logged."""
        persevere(self._keep, stop, self._conninfo, "the timeline")

    def _keep(self, stop: Event) -> None:
        with connect(
            self._conninfo, "prelude-timeline", jit="off", idle_in_transaction_session_timeout="60s"
        ) as connection:
            migrations.check(connection)
            way = GivingWay(connection)
            while not stop.is_set():
                began = time.monotonic()
                more = tend(connection)
                way.rest(stop, time.monotonic() - began, left=more)
                if not more:
                    stop.wait(self._interval)
