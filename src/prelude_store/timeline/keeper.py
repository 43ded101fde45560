"""The timeline's keeper: a thread, or a process, that makes days anew as they change. Beside that of the rollups: a day takes longer
to make than a pass may."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.errors import InsufficientPrivilege

from prelude_otel.errors import StoreError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.settings import target
from prelude_store.timeline.tend import tend

if TYPE_CHECKING:
    from threading import Event

__all__ = ["TimelineKeeper"]

_INTERVAL: Final = 2.0
"""Seconds between looks at what has changed."""
_AGAIN: Final = 5.0
"""Seconds until it looks again at a database that is away, or not as it must be."""
_log = logging.getLogger(__name__)


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
        while not stop.is_set():
            try:
                with connect(
                    self._conninfo, "prelude-timeline", jit="off", idle_in_transaction_session_timeout="60s"
                ) as connection:
                    migrations.check(connection)
                    while not stop.is_set():
                        if not tend(connection):
                            stop.wait(self._interval)
            except InsufficientPrivilege as error:
                _log.error("this login may not keep the timeline: GRANT prelude_keeper TO it (%s)", said(error))
            except psycopg.Error as error:
                _log.warning("lost %s: %s", target(self._conninfo), said(error))
            except StoreError as error:
                _log.warning("the timeline waits: %s", error)
            except Exception:  # noqa: BLE001 (else a fault of ours ends the thread unseen)
                _log.exception("the timeline could not be kept; trying again")
            stop.wait(_AGAIN)
