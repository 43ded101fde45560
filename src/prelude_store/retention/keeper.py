"""The keeper of policies: a thread that runs retention once in a while. Several may look; one of them runs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from prelude_store import migrations
from prelude_store.connection import connect
from prelude_store.perseverance import persevere
from prelude_store.retention.figures import Figures, figures
from prelude_store.retention.run import connected, run

if TYPE_CHECKING:
    from threading import Event

    from prelude_store.connection import Connection

__all__ = ["RetentionKeeper", "is_time"]

_LOOK: Final = 60.0
"""Seconds between looks at whether it is time."""
_AFTER_FAILURE: Final = timedelta(hours=1)
_SAY_AGAIN: Final = timedelta(days=1)
_MAY_GOVERN: Final = "SELECT pg_has_role('prelude_governor', 'USAGE')"
_log = logging.getLogger(__name__)


def is_time(found: Figures, every: timedelta) -> bool:
    """Whether a run is to begin: there are policies, and the last run that did all began longer than `every` ago.

    One that did not do all is tried again after an hour.
    """
    if not found.policies:
        return False
    if found.last_begun is not None and found.now - found.last_begun < min(every, _AFTER_FAILURE):
        return False
    return found.last_done is None or found.now - found.last_done >= every


class RetentionKeeper:
    """Runs retention until it is told to stop, by a login that is a member of ``prelude_governor``; another one is told what to grant.

    Args:
        conninfo: a login that may at least read.
        every: from the beginning of one run to that of the next.
        look: seconds between looks at whether it is time.

    Attributes:
        figures: what runs have done, whoever ran; None before the first look.
    """

    def __init__(self, conninfo: str, *, every: timedelta, look: float = _LOOK) -> None:
        self._conninfo = conninfo
        self._every = every
        self._look = look
        self._said: Figures | None = None
        self.figures: Figures | None = None

    def run(self, stop: Event) -> None:
        """Look and run until `stop` is set. A database that is away is waited for; what is wrong is logged."""
        persevere(self._keep, stop, self._conninfo, "retention", role="prelude_governor")

    def _keep(self, stop: Event) -> None:
        while not stop.is_set():
            with connect(self._conninfo, "prelude-retention") as connection:
                migrations.check(connection)
                self.figures = figures(connection)
                wanted = is_time(self.figures, self._every) and self._may(connection)
            if wanted:
                self._run(stop)
            stop.wait(self._look)

    def _may(self, connection: Connection) -> bool:
        row = connection.execute(_MAY_GOVERN).fetchone()
        if row and row[0]:
            return True
        now = self.figures
        if now is not None and (self._said is None or now.now - self._said.now >= _SAY_AGAIN):
            self._said = now
            _log.error(
                "retention has %d policies, and this login may not carry them out: GRANT prelude_governor TO it,"
                " or let cron run prelude store retain run by a login that is in it",
                now.policies,
            )
        return False

    def _run(self, stop: Event) -> None:
        with connected(self._conninfo) as connection:
            outcome = run(connection, stopped=stop.is_set)
            self.figures = figures(connection)
        if not outcome.busy:
            _log.info(
                "retention: %d rows went, %d partitions, columns of %d rows; %d rows wait to be counted",
                *(outcome.rows, outcome.partitions, outcome.columns, outcome.waiting),
            )
        for name in outcome.leaving:
            _log.warning("retention: %s could not leave, a transaction that has read the log is still open", name)
