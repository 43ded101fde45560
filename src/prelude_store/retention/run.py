"""A run: what is due goes, the oldest week first; one run at a time. Ended in the middle, the next one goes on."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.errors import LockNotAvailable

from prelude_store import lanes, migrations
from prelude_store.connection import BoundedConnection, connect, said
from prelude_store.portion import TOO_LONG, Portion
from prelude_store.retention import derived, drop, going
from prelude_store.retention.acts import Acts
from prelude_store.retention.leftovers import clear_leftovers
from prelude_store.retention.patience import BEHIND_KEEPERS, again
from prelude_store.retention.plan import look, what_is_due
from prelude_store.retention.weeks import weeks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.retention.due import Due
    from prelude_store.retention.policy import Policy
    from prelude_store.retention.weeks import Leaving, Week

__all__ = ["PATIENCE", "Outcome", "connected", "run"]

PATIENCE: Final = 60.0
"""Seconds that a run waits for who holds what it needs, each time."""

_LOCK: Final = 0x72657461696E  # "retain"
_FIRST_BATCH: Final = 500
_LEAST: Final = 100
_MOST: Final = 5_000
_BREATH: Final = 0.05
_CUT_EVERY: Final = 15_000
"""Rows after which what was made of them is cut off the temporary tables."""
_BEGUN: Final = "INSERT INTO public.retention_runs DEFAULT VALUES RETURNING id"
_SO_FAR: Final = """
UPDATE public.retention_runs SET rows_removed = %(rows)s, columns_erased = %(columns)s, partitions_dropped = %(partitions)s,
    waiting = %(waiting)s WHERE id = %(id)s
"""
_ENDED: Final = "UPDATE public.retention_runs SET ended_at = clock_timestamp(), failure = %s WHERE id = %s"


@dataclass(slots=True)
class Outcome:
    """What a run did.

    Attributes:
        rows: that went, those of partitions that were dropped among them.
        columns: rows that lost the columns of a class, once for each class.
        partitions: that were dropped.
        waiting: rows that are due, and stay until rollups have counted them.
        held: due rows that a hold keeps, by hold.
        leaving: partitions that could not be detached or dropped, since somebody reads the log without end; the next run goes on.
        longest: seconds that the longest batch took.
        early: it was told to end before all was done.
        busy: somebody else runs; nothing was done.
    """

    rows: int = 0
    columns: int = 0
    partitions: int = 0
    waiting: int = 0
    held: dict[int, int] = field(default_factory=dict)
    leaving: list[str] = field(default_factory=list)
    longest: float = 0.0
    early: bool = False
    busy: bool = False


def connected(conninfo: str, application_name: str = "prelude-retention") -> BoundedConnection:
    """A connection for `run`, with its temporary tables.

    Args:
        conninfo: a login that is a member of ``prelude_governor`` needs no other right.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    connection = connect(
        conninfo,
        application_name,
        jit="off",
        lock_timeout=BEHIND_KEEPERS,
        idle_in_transaction_session_timeout="60s",
        default_transaction_isolation="read committed",
    )
    try:
        migrations.check(connection)
        for statement in going.MAKE:
            connection.execute(statement.encode())
    except BaseException:
        connection.close()
        raise
    return connection


def run(
    connection: Connection,
    *,
    now: datetime | None = None,
    patience: float = PATIENCE,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Let go what is due.

    Args:
        connection: of `connected`.
        now: as if it were then; None: the database's clock.
        patience: seconds to wait for who holds what is needed, each time.
        progress: told weeks done, and weeks in all.
        stopped: asked between batches whether to end early; the next run goes on.

    Raises:
        psycopg.Error: the database refused, or was lost; what was done stays done, and another run goes on.
    """
    outcome = Outcome()
    if not _alone(connection):
        outcome.busy = True
        return outcome
    try:
        with _recorded(connection, outcome) as note:
            _Run(connection, outcome, patience, note, stopped).all(now, progress)
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    return outcome


class _Run:
    def __init__(
        self,
        connection: Connection,
        outcome: Outcome,
        patience: float,
        note: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._connection, self._outcome, self._patience = connection, outcome, patience
        self._note, self._stopped = note, stopped
        self._actor = connection.info.user
        self._lane = lanes.claim(connection)
        # Rows of a batch are locked until its end, and sealing waits.
        self._portion = Portion(first=_FIRST_BATCH, least=_LEAST, most=_MOST)

    def all(self, now: datetime | None, progress: Callable[[int, int], None]) -> None:
        derived.remake(self._connection)  # where a run was ended in the middle of a day
        for leaving in drop.unfinished(self._connection):
            self._finish(leaving)
        moment, policies, is_due = what_is_due(self._connection, now)
        if is_due is not None:
            acts = Acts(self._connection, self._lane, self._actor, policies, moment)
            among = weeks(self._connection, is_due.latest)
            open_ones = {leaving.name for leaving in drop.unfinished(self._connection)}
            for done, week in enumerate(among, 1):
                if self._stopped():
                    break
                if week.name not in open_ones:
                    self._week(week, is_due, acts, policies, moment)
                    self._note()
                progress(done, len(among))
        self._outcome.early = self._stopped()
        clear_leftovers(self._connection, policies, moment, people=self._outcome.rows + self._outcome.columns > 0)

    def _week(self, week: Week, is_due: Due, acts: Acts, policies: list[Policy], now: datetime) -> None:
        looked = look(self._connection, is_due, week)
        if looked.drop and not self._outcome.leaving:
            leaving = again(
                lambda: drop.begin(self._connection, self._lane, self._actor, policies, now, week), self._patience
            )
            if leaving is not None:
                self._finish(leaving)
                return
        self._outcome.waiting += looked.waiting
        for hold, rows in looked.held.items():
            self._outcome.held[hold] = self._outcome.held.get(hold, 0) + rows
        if looked.going and not looked.drop:
            for starts, ends in week.days():
                self._stretch(starts, ends, is_due, acts, policies, now)

    def _finish(self, leaving: Leaving) -> None:
        try:
            if drop.finish(self._connection, self._lane, self._actor, leaving, self._patience):
                self._outcome.partitions += 1
                self._outcome.rows += leaving.rows
        except LockNotAvailable:
            self._outcome.leaving.append(leaving.name)

    def _stretch(
        self, starts: datetime, ends: datetime, is_due: Due, acts: Acts, policies: list[Policy], now: datetime
    ) -> None:
        listed = again(lambda: going.list_due(self._connection, is_due, starts, ends), self._patience)
        behind, uncut = 0, 0
        derived.cut(self._connection)
        while behind < listed and not self._stopped():
            upto = min(behind + self._portion.size, listed)
            bounds = {"behind": behind, "upto": upto}

            def batch(bounds: dict[str, int] = bounds) -> going.Gone:
                with acts.within():
                    return going.take_batch(self._connection, self._lane, acts.of, policies, now, bounds, self._portion)

            try:
                gone = again(batch, self._patience)
            except TOO_LONG:
                if not self._portion.undone(upto - behind):
                    raise
                continue
            self._outcome.rows += gone.rows
            self._outcome.columns += gone.columns
            self._outcome.longest = max(self._outcome.longest, gone.seconds)
            time.sleep(min(gone.seconds, _BREATH))  # keepers have waited
            uncut += upto - behind
            if uncut > _CUT_EVERY:
                derived.cut(self._connection)
                uncut = 0
            behind = upto
        derived.remake(self._connection)


def _alone(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    return bool(row and row[0])


@contextmanager
def _recorded(connection: Connection, outcome: Outcome) -> Iterator[Callable[[], None]]:
    """Keep a line of ``retention_runs`` in step with `outcome`, and say there how it ended."""
    row = connection.execute(_BEGUN).fetchone()
    number = row and row[0]

    def note() -> None:
        connection.execute(_SO_FAR, asdict(outcome) | {"id": number})

    try:
        yield note
        note()
    except psycopg.Error as error:
        if not connection.closed:
            note()
            connection.execute(_ENDED, [said(error), number])
        raise
    connection.execute(_ENDED, [_failure(outcome), number])


def _failure(outcome: Outcome) -> str | None:
    if outcome.leaving:
        return f"waits for who reads the log: {', '.join(outcome.leaving)}"
    return "was told to end early" if outcome.early else None
