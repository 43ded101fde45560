"""The keeper: counts what is committed, pass after pass, one keeper at a time; others stand by."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import IsolationLevel

from prelude_store import migrations
from prelude_store.connection import BoundedConnection, connect
from prelude_store.giving_way import GivingWay
from prelude_store.perseverance import persevere
from prelude_store.rollups import arrivals, latencies, passes
from prelude_store.rollups.building import build_next, rebuild_sessions
from prelude_store.rollups.state import state, touch
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from prelude_store.connection import Connection

__all__ = ["INTERVAL", "Keeper", "connected"]

INTERVAL: Final = 1.0
"""Seconds between passes. One a second finds many rows of the same group, and adds them at once."""

_LOCK: Final = 0x726F6C6C7570  # "rollup"
_log = logging.getLogger(__name__)


def connected(conninfo: str, application_name: str = "prelude-keeper") -> BoundedConnection:
    """A connection for `passes.carry_out`: repeatable read, with the temporary tables.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    connection = connect(
        conninfo,
        application_name,
        jit="off",
        work_mem="64MB",
        temp_buffers="64MB",  # what a pass or a day counts, without a way to the disk and back for each table
        enable_mergejoin="off",  # it would sort by texts what is grouped by numbers afterwards
        plan_cache_mode="force_generic_plan",  # with years of partitions planning takes longer than the pass
        idle_in_transaction_session_timeout="60s",
    )
    try:
        migrations.check(connection)
        for statement in (*arrivals.MAKE, *latencies.MAKE):
            connection.execute(statement.encode())
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
    except BaseException:
        connection.close()
        raise
    return connection


class Keeper:
    """Keeps rollups and sessions until it is told to stop; a thread of its own, or a process.

    Args:
        conninfo: a login that is a member of ``prelude_keeper`` needs no other right.
        session_gap: between rows without session id; rows so far apart, or further, are of two sessions. None leaves what the
            database has (30 minutes, unless said before). Another one than it has builds the sessions anew.
        interval: seconds between passes.
        then: further steps within the transaction of each pass.

    Attributes:
        leading: this one counts; else another does, or none can.
        last: what the last pass did.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        session_gap: timedelta | None = None,
        interval: float = INTERVAL,
        then: Sequence[Callable[[Connection], object]] = (),
    ) -> None:
        self._conninfo = conninfo
        self._session_gap = session_gap
        self._interval = interval
        self._then = then
        self.leading = False
        self.last = passes.Pass()

    def run(self, stop: Event) -> None:
        """Count until `stop` is set. A database that is away is waited for; what is wrong is logged."""
        persevere(self._keep, stop, self._conninfo, "rollups")

    def _keep(self, stop: Event) -> None:
        try:
            with connected(self._conninfo) as connection:
                self._count(connection, stop)
        finally:
            self.leading = False

    def _count(self, connection: Connection, stop: Event) -> None:
        while not _lead(connection):
            if stop.wait(self._interval):
                return
        self.leading = True
        _log.info("keeping rollups and sessions of %s", target(self._conninfo))
        if self._session_gap is not None and state(connection).session_gap != self._session_gap:
            rebuild_sessions(connection, self._session_gap)
        way = GivingWay(connection)
        while not stop.is_set():
            began = time.monotonic()
            try:
                self.last = passes.carry_out(connection, then=self._then)
                if self.last.to_build:
                    build_next(connection)
                    continue
            except psycopg.errors.SerializationFailure:
                continue  # a rebuild came between
            ended = time.monotonic()
            way.rest(stop, ended - began, left=self.last.left > 0)
            if not self.last.left:
                stop.wait(max(ended + self._interval - time.monotonic(), 0.0))
            if not self.last.places:
                touch(connection)


def _lead(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    return bool(row and row[0])
