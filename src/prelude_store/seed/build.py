"""What answers are made of, built from a log that was just filled: rollups and sessions, the timeline, statistics; side by side."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Final

import click

from prelude_otel.errors import StoreError
from prelude_store.connection import connect
from prelude_store.rollups.rebuild import rebuild
from prelude_store.timeline.build import build_all

__all__ = ["build"]

_TIDY: Final = "VACUUM (ANALYZE) public.user_activity_logs"


def build(conninfo: str) -> None:
    """Build them, with a bar.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``; tables are tidied up where it owns them.

    Raises:
        StoreUnavailableError: the database was lost.
        StoreError: the login lacks rights.
    """
    with (
        click.progressbar(
            length=1, label="building rollups, sessions, timeline", file=sys.stderr, show_pos=True
        ) as bar,
        connect(conninfo, "prelude-demo-seed", client_min_messages="error") as tidying,
        ThreadPoolExecutor(2) as pool,
    ):
        days = _Days(bar)
        beside: list[Future[Any]] = [
            pool.submit(build_all, conninfo, days.of_timeline),
            pool.submit(tidying.execute, _TIDY),
        ]
        try:
            rebuild(conninfo, days.of_rollups)
        except BaseException:
            days.unwanted = True
            tidying.cancel()
            raise
        for one in beside:
            one.result()


class _Days:
    """One bar over both. Days of rollups count twice, for their sessions, too."""

    def __init__(self, bar: Any) -> None:
        self.unwanted = False
        self._bar = bar
        self._lock = Lock()
        self._told: dict[str, tuple[int, int]] = {}

    def of_rollups(self, done: int, total: int) -> None:
        self._tell("rollups", done, total)

    def of_timeline(self, done: int, total: int) -> None:
        if self.unwanted:
            raise StoreError("the timeline is not finished: prelude analytics goes on with it")
        self._tell("timeline", done, total)

    def _tell(self, who: str, done: int, total: int) -> None:
        with self._lock:
            self._told[who] = done, total
            both = [sum(figures) for figures in zip(*self._told.values(), strict=True)]
            self._bar.length = max(both[1], 1)
            self._bar.update(both[0] - self._bar.pos)
