"""All that is derived from the log, anew: rollups and sessions, and the timeline beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from prelude_otel.errors import StoreError
from prelude_store.rollups import building
from prelude_store.rollups.keeper import connected
from prelude_store.rollups.rebuild import rebuild
from prelude_store.timeline.build import build_all

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["rebuild_all"]


def rebuild_all(conninfo: str, progress: Callable[[int, int], None] | None = None, *, anew: bool = False) -> int:
    """Build rollups, sessions and timeline from raw rows; gives how many days of rollups and sessions were built, as `rebuild` does.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``.
        progress: told days done and days in all; each day counts three times: for its rollups, its sessions and its timeline.
        anew: begin again, even where an interrupted one could be gone on with.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreUnavailableError: the database can't be reached, or was lost; call again to go on.
        StoreError: the login lacks rights.
    """
    with connected(conninfo, "prelude-rebuild") as connection:
        goes_on = not anew and building.left(connection) > 0
    days = _Days(progress)
    with ThreadPoolExecutor(1) as pool:
        timeline = pool.submit(build_all, conninfo, days.of_timeline, go_on=goes_on)
        try:
            built = rebuild(conninfo, days.of_rollups, anew=anew)
        except BaseException:
            days.unwanted = True
            raise
        timeline.result()
    return built


class _Days:
    """The progress of both together."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.unwanted = False
        self._progress = progress
        self._lock = Lock()
        self._told: dict[str, tuple[int, int]] = {}

    def of_rollups(self, done: int, total: int) -> None:
        self._tell("rollups", done, total)

    def of_timeline(self, done: int, total: int) -> None:
        if self.unwanted:
            raise StoreError("the timeline is not finished: prelude analytics goes on with it")
        self._tell("timeline", done, total)

    def _tell(self, who: str, done: int, total: int) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._told[who] = done, total
            both = [sum(figures) for figures in zip(*self._told.values(), strict=True)]
            self._progress(both[0], both[1])
