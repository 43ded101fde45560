"""The sealer: seals what is committed, pass after pass, one sealer at a time; others stand by."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import IsolationLevel

from prelude_store import migrations
from prelude_store.connection import BoundedConnection, connect
from prelude_store.giving_way import rest
from prelude_store.perseverance import persevere
from prelude_store.seals import passes
from prelude_store.seals.notes import Checkpoint
from prelude_store.seals.pace import SHARE, Lag, share_at
from prelude_store.seals.thinning import thin
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from prelude_store.connection import Connection
    from prelude_store.seals.keys import SigningKey

__all__ = ["INTERVAL", "LOCK", "SESSION", "Sealer", "connected"]

INTERVAL: Final = 0.4
"""Seconds between passes: a row has its leaf after half a second, and a signature over it after two at most."""
SESSION: Final = {
    "jit": "off",
    "work_mem": "64MB",
    "plan_cache_mode": "force_generic_plan",
    # A plan for all numbers can't know that few rows lie behind a cursor, and would read the whole log to find them.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Settings of who reads rows by their places in the lanes."""
LOCK: Final = 0x7365616C6572  # "sealer"
"""Advisory lock of the one who seals."""

_THIN_EVERY: Final = 600.0
_FIRST_PORTION: Final = 2_000
_MOST_READ: Final = 32 << 20
"""Bytes of the log that a pass shall hold at once, about."""
_LOOK_AGAIN: Final = 0.05
_log = logging.getLogger(__name__)


def connected(conninfo: str, application_name: str = "prelude-sealer") -> BoundedConnection:
    """A connection for `passes.carry_out`: repeatable read.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    connection = connect(conninfo, application_name, idle_in_transaction_session_timeout="60s", **SESSION)
    try:
        migrations.check(connection)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
    except BaseException:
        connection.close()
        raise
    return connection


class Sealer:
    """Seals until it is told to stop; a thread of its own, or a process.

    Args:
        conninfo: a login that is a member of ``prelude_sealer`` needs no other right.
        key: signs checkpoints.
        interval: seconds between passes.
        share: of the time that it works at most while it is little behind, up to 1; `pace.share_at` tells how it grows.
        checkpoint_seconds: between checkpoints at least.
        tell: called with each new checkpoint once it is committed; must not wait.

    Attributes:
        leading: this one seals; else another does, or none can.
        last: what the last pass did.
        leaves: added by this one.
        checkpoints: signed by this one.
        failures: times that it lost the database, or could not go on.
        last_seconds: that the last pass took.
        lag: since when something is committed and not sealed.
        unsigned_since: since when leaves wait for a checkpoint that covers them; None when none do.
    """

    def __init__(
        self,
        conninfo: str,
        key: SigningKey,
        *,
        interval: float = INTERVAL,
        share: float = SHARE,
        checkpoint_seconds: float = 1.0,
        tell: Callable[[Checkpoint], object] = lambda _checkpoint: None,
    ) -> None:
        self._conninfo = conninfo
        self._key = key
        self._interval = interval
        self._share = share
        self._checkpoint_seconds = checkpoint_seconds
        self._tell = tell
        self.leading = False
        self.last = passes.Pass()
        self.leaves = 0
        self.checkpoints = 0
        self.failures = 0
        self.last_seconds = 0.0
        self.lag = Lag()
        self._portion = _FIRST_PORTION
        self.unsigned_since: float | None = None

    def run(self, stop: Event) -> None:
        """Seal until `stop` is set. A database that is away is waited for; what is wrong is logged."""
        persevere(self._keep, stop, self._conninfo, "seals", role="prelude_sealer")

    def _keep(self, stop: Event) -> None:
        try:
            with connected(self._conninfo) as connection:
                self._seal(connection, stop)
        except BaseException:
            self.failures += 1
            raise
        finally:
            self.leading = False

    def _seal(self, connection: Connection, stop: Event) -> None:
        while not _lead(connection):
            if stop.wait(self._interval):
                return
        passes.admit(connection, self._key)
        self.leading = True
        self._tell_newest(connection)
        _log.info("sealing %s with the key %s", target(self._conninfo), self._key.verifier.id.hex())
        thinned = float("-inf")
        while not stop.is_set():
            if self._pass(connection):
                self._rest(stop)
            else:
                stop.wait(self._interval)
            if time.monotonic() > thinned + _THIN_EVERY:
                thin(connection)
                thinned = time.monotonic()
        self._pass(connection, checkpoint_seconds=0.0)  # what is sealed by now goes out signed

    def _tell_newest(self, connection: Connection) -> None:
        """The newest checkpoint of before, lest it stayed inside when its sealer was killed."""
        row = connection.execute("SELECT note FROM public.seal_checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        if row is not None:
            self._tell(Checkpoint.parse(row[0]))

    def _rest(self, stop: Event) -> None:
        """Leave the machine to others for as long as the share of a core says; that grows while one waits."""
        rest(stop, self.last_seconds, lambda now: share_at(self.lag.seconds(now), self._share), _LOOK_AGAIN)

    def _pass(self, connection: Connection, checkpoint_seconds: float | None = None) -> bool:
        """One pass; whether the next should follow at once."""
        begun = time.monotonic()
        if checkpoint_seconds is None:
            # What was sealed late is signed the sooner.
            checkpoint_seconds = max(self._checkpoint_seconds - self.lag.seconds(begun), 0.0)
        try:
            self.last = passes.carry_out(
                connection, self._key, portion=self._portion, checkpoint_seconds=checkpoint_seconds
            )
        except psycopg.errors.SerializationFailure:
            return True  # another sealer came between
        self.last_seconds = time.monotonic() - begun
        self.leaves += self.last.leaves
        self.lag.note(begun, self.last.lanes)
        self._portion = _next_portion(self.last)
        if not self.last.waits:
            self.unsigned_since = None
        elif self.unsigned_since is None:
            self.unsigned_since = begun
        if self.last.checkpoint is not None:
            self.checkpoints += 1
            self._tell(self.last.checkpoint)
        return self.last.left > 0


def _next_portion(done: passes.Pass) -> int:
    """As many places as weigh what a pass may hold, if they weigh what the last ones did."""
    return max(min(passes.PORTION, done.leaves * _MOST_READ // done.read), 1) if done.read else passes.PORTION


def _lead(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])
