"""The writer: batches go in, and are committed when `Writer.write` returns."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import psycopg
from psycopg.errors import Diagnostic, QueryCanceled

from prelude_otel.errors import SchemaError, StoreUnavailableError
from prelude_store import lanes, migrations, partitions, quarantine
from prelude_store.batch import Batch, WriteResult
from prelude_store.connection import BoundedConnection, Connection, NoAnswerError, connect, said
from prelude_store.erasure.asked import Erasures, Sifted, load
from prelude_store.pace import Pace
from prelude_store.placing import Way
from prelude_store.preparation import PayloadOf, Work, halves, payload_finder, prepare, without_misshapen
from prelude_store.quarantine import quarantined_row
from prelude_store.rehearsal import rehearsal_row
from prelude_store.row import ActivityRow, Quarantined
from prelude_store.settings import target
from prelude_store.sqlstate import Verdict, judge
from prelude_store.suspicion import misshapen, why_suspect
from prelude_store.transaction import Keep, OtherErasuresError, carry_out, conflict

__all__ = ["ACCEPT_FUTURE", "ACCEPT_PAST", "Batch", "WriteResult", "Writer"]

ACCEPT_PAST: Final = timedelta(days=3653)
ACCEPT_FUTURE: Final = timedelta(days=1)

_MAX_ATTEMPTS: Final = 8
_SECOND_US: Final = 1_000_000
_REFUSED: Final = "refused_by_database"
_SLACK: Final = 1.0
"""Seconds beyond the statement timeout: the server's own refusal says more than a connection that we close."""
_SYNC_REP: Final = "SyncRepWaitForLSN"
_RESENDS: Final = 10.0
"""Seconds after a resend in which rows are looked up before they are written: a resend seldom comes alone."""
_FAULT: Final = "mapping_failed"
_FAULTS: Final = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What Python raises over a row that is not what a row must be. Sent again it would be for ever, so it is treated as refused."""


class _RefusedError(Exception):
    """The database will never take this work, whoever sends it; or nobody could even send it there."""

    def __init__(self, detail: str, reason: str = _REFUSED) -> None:
        super().__init__(detail)
        self.reason = reason


class Writer:
    """One connection, one lane; used by one thread at a time. Connects when it has something to write.

    Args:
        conninfo: a login that is a member of ``prelude_writer`` needs no other right.
        accept_past: older rows go to quarantine, so that one odd clock makes no partitions for centuries.
        accept_future: rows further ahead of the database's clock go to quarantine.
        statement_timeout: in seconds, also for a transaction as a whole; a sender such as the Collector waits for 5 s by default.
        application_name: as ``pg_stat_activity`` shows it.

    Attributes:
        connects: how often it has connected.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        accept_past: timedelta = ACCEPT_PAST,
        accept_future: timedelta = ACCEPT_FUTURE,
        statement_timeout: float = 4.0,
        application_name: str = "prelude-exporter",
    ) -> None:
        self._conninfo = conninfo
        self._accept_past_us = int(accept_past.total_seconds() * _SECOND_US)
        self._accept_future_us = int(accept_future.total_seconds() * _SECOND_US)
        self._statement_timeout = statement_timeout
        self._application_name = application_name
        self._connection: BoundedConnection | None = None
        self._lane = 0
        self._clock_ahead_us = 0
        self._weeks: set[int] = set()
        self._keep: Keep = quarantine.insert
        self._resends_until = 0.0
        self._pace = Pace(statement_timeout)
        self._alone_on_disk = False
        self._erasures: Erasures | None = None
        self.connects = 0

    @property
    def connected(self) -> bool:
        """Whether a connection is open, as far as is known without asking."""
        connection = self._connection
        return connection is not None and not connection.closed

    def connect(self) -> None:
        """Connect now, to learn at start-up what is wrong.

        Raises:
            SchemaError: the schema is missing, older or newer than this program.
            StoreUnavailableError: the database can't be reached, or refuses.
        """
        self._connected()

    def write(self, batch: Batch) -> WriteResult:
        """Write `batch`; on return it is committed. After an error, the same batch may be written again: no row comes twice.

        Raises:
            StoreUnavailableError: the database is away, or not as it must be; nothing is wrong with the batch.
        """
        try:
            return self._write_sifted(batch)
        except _RefusedError as refused:
            raise StoreUnavailableError(f"{target(self._conninfo)} refuses even the quarantine: {refused}") from None

    def offer(self, batch: Batch) -> tuple[WriteResult, list[Quarantined]]:
        """As `write`, but what would go to quarantine is given back: it is there already, and tries again."""
        refused: dict[Quarantined, None] = {}

        def give_back(_connection: Connection, entries: Sequence[Quarantined]) -> int:
            refused.update(dict.fromkeys(entries))
            return 0

        self._keep = give_back
        try:
            return self.write(batch), list(refused)
        finally:
            self._keep = quarantine.insert

    def foresee(self, batch: Batch) -> tuple[WriteResult, list[Quarantined]]:
        """What `offer` would give, as far as it can be said without writing: not what only the database knows."""
        sifted = self._sifted(batch)
        payload_of = payload_finder(sifted.batch)
        work = self._prepared(sifted.batch, payload_of)
        rivals = [conflict(row, payload_of) for row in work.rivals]
        result = WriteResult(len(work.rows), work.duplicates, len(rivals), erased=sifted.dropped + sifted.entries)
        return result, [*work.quarantined, *rivals]

    def rehearse(self) -> None:
        """Do all that writing a row takes, roll it back, and commit what leaves no trace but a number in the lane.

        Raises:
            StoreUnavailableError: a row could not be written now.
        """
        try:
            connection = self._connected()
            rows = [rehearsal_row(time.time_ns() // 1000 + self._clock_ahead_us)]
            with connection.answer_within(self._statement_timeout + _SLACK):
                self._ensure_partitions(connection, rows)
                work = Work(rows=rows)
                carry_out(connection, self._lane, work, _unasked, way=Way.STRAIGHT, keep=self._keep, rehearsal=True)
                self._alone_on_disk = False
                lanes.reserve(connection, self._lane, 1)
            self._confirm()
        except (SchemaError, psycopg.Error) as error:
            self.close()
            said_so = said(error) if isinstance(error, psycopg.Error) else str(error)
            raise StoreUnavailableError(f"{target(self._conninfo)} takes no rows: {said_so}") from None

    def close(self) -> None:
        """Let the connection and the lane go; a later write connects anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _write_sifted(self, batch: Batch) -> WriteResult:
        """Write what may be written of `batch`; once more where somebody was erased meanwhile."""
        while True:
            sifted = self._sifted(batch)
            payload_of = payload_finder(sifted.batch)
            try:
                result = self._write(self._prepared(sifted.batch, payload_of), payload_of)
            except OtherErasuresError:
                self._erasures = None
                continue
            if sifted.dropped or sifted.entries:
                return result + WriteResult(erased=sifted.dropped + sifted.entries)
            return result

    def _sifted(self, batch: Batch) -> Sifted:
        try:
            connection = self._connected()
            if self._erasures is None:
                with connection.answer_within(self._statement_timeout + _SLACK):
                    self._erasures = load(connection)
        except SchemaError as error:
            raise StoreUnavailableError(str(error)) from error
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailableError(f"can't use {target(self._conninfo)}: {said(error)}") from None
        if not self._erasures:
            return Sifted(batch)
        try:
            return self._erasures.sift(batch)
        except _FAULTS:  # a row that is none: it goes to quarantine below, and is looked at once more there
            return self._erasures.sift(without_misshapen(batch, payload_finder(batch), _FAULT))

    def _prepared(self, batch: Batch, payload_of: PayloadOf) -> Work:
        try:
            self._connected()
        except SchemaError as error:
            raise StoreUnavailableError(str(error)) from error
        now_us = time.time_ns() // 1000 + self._clock_ahead_us
        earliest_us, latest_us = now_us - self._accept_past_us, now_us + self._accept_future_us
        try:
            return prepare(batch, earliest_us, latest_us, payload_of)
        except _FAULTS:  # a row that can't even be sorted among the others
            return prepare(without_misshapen(batch, payload_of, _FAULT), earliest_us, latest_us, payload_of)

    def _connected(self) -> BoundedConnection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = connect(
            self._conninfo,
            self._application_name,
            statement_timeout=f"{int(self._statement_timeout * 1000)}ms",
            lock_timeout=f"{int(self._statement_timeout * 500)}ms",
            idle_in_transaction_session_timeout="30s",
            default_transaction_isolation="read committed",
        )
        connection.add_notice_handler(self._notice)
        try:
            with connection.answer_within(self._statement_timeout + _SLACK):
                migrations.check(connection)
                self._lane = lanes.claim(connection)
                self._clock_ahead_us = _clock_ahead_us(connection)
        except psycopg.Error as error:
            connection.close()
            raise StoreUnavailableError(f"can't use {target(self._conninfo)}: {said(error)}") from None
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self.connects += 1
        self._weeks.clear()
        return connection

    def _write(self, work: Work, payload_of: PayloadOf, *, examined: bool = False) -> WriteResult:
        """Write all of `work`, taking it apart where the database refuses some of it, or is slow."""
        if not self._pace.allows(len(work)):
            return self._write_halves(work, payload_of, examined=examined)
        try:
            return self._commit(work, payload_of)
        except _RefusedError as refused:
            if len(work) == 1:
                return self._commit(Work(quarantined=[_entry(work, payload_of, refused)]), payload_of)
        suspects = [] if examined else [row for row in work.rows if why_suspect(row) is not None]
        if suspects:
            return self._write_apart(work, suspects, payload_of)
        return self._write_halves(work, payload_of, examined=True)

    def _write_halves(self, work: Work, payload_of: PayloadOf, *, examined: bool) -> WriteResult:
        result = WriteResult(duplicates=work.duplicates)
        for half in halves(work):
            result += self._write(half, payload_of, examined=examined)
        return result

    def _write_apart(self, work: Work, suspects: list[ActivityRow], payload_of: PayloadOf) -> WriteResult:
        """Write the rest of `work`, then each suspect alone; those that are refused go to quarantine together."""
        apart = {id(row) for row in suspects}
        work.rows = [row for row in work.rows if id(row) not in apart]
        result = self._write(work, payload_of, examined=True)
        refused = Work()
        for row in suspects:
            alone = Work(rows=[row])
            try:
                result += self._commit(alone, payload_of)
            except _RefusedError as error:
                refused.quarantined.append(_entry(alone, payload_of, error))
        return result + self._commit(refused, payload_of)

    def _commit(self, work: Work, payload_of: PayloadOf) -> WriteResult:
        """One transaction, again where two writers were in each other's way."""
        way = Way.LOOKING if time.monotonic() < self._resends_until else Way.STRAIGHT
        for attempt in range(_MAX_ATTEMPTS):
            try:
                return self._transact(work, payload_of, way)
            except UnicodeEncodeError as error:
                raise _RefusedError(f"a text is no UTF-8: {error.reason}") from None
            except OverflowError as error:
                raise _RefusedError(f"a time is beyond the calendar: {error}") from None
            except _FAULTS as error:
                raise _RefusedError(f"{type(error).__name__}: {error}", _FAULT) from error
            except psycopg.Error as error:
                verdict = judge(error)
                if verdict is Verdict.BAD_ROW or (verdict is Verdict.DUPLICATE and way is Way.ASIDE):
                    raise _RefusedError(said(error)) from None
                if verdict is Verdict.UNAVAILABLE:
                    if isinstance(error, NoAnswerError | QueryCanceled):
                        self._pace.too_slow(len(work))
                    self.close()
                    raise StoreUnavailableError(
                        f"{target(self._conninfo)} did not take the batch: {said(error)}"
                    ) from None
                if verdict is Verdict.DUPLICATE:
                    way = Way.LOOKING if way is Way.STRAIGHT else Way.ASIDE
                    self._resends_until = time.monotonic() + _RESENDS
                if verdict is Verdict.NO_PARTITION:
                    self._weeks.clear()
                if verdict is Verdict.CONTENDED:
                    time.sleep(random.uniform(0.001, 0.02) * (attempt + 1))  # noqa: S311 (spreads two rivals)
        raise StoreUnavailableError(f"{target(self._conninfo)}: other writers were in the way {_MAX_ATTEMPTS} times")

    def _transact(self, work: Work, payload_of: PayloadOf, way: Way) -> WriteResult:
        connection = self._connected()
        begun = time.monotonic()
        with connection.answer_within(self._statement_timeout + _SLACK):
            self._ensure_partitions(connection, work.rows)
            self._alone_on_disk = False
            known = self._erasures.version if self._erasures is not None else 0
            result = carry_out(connection, self._lane, work, payload_of, way=way, keep=self._keep, erasures=known)
        self._pace.committed(len(work), time.monotonic() - begun)
        self._confirm()
        if result.duplicates > work.duplicates:
            self._resends_until = time.monotonic() + _RESENDS
        return result

    def _confirm(self) -> None:
        if self._alone_on_disk:
            raise StoreUnavailableError(f"{target(self._conninfo)} has the batch, but no standby has confirmed it")

    def _notice(self, notice: Diagnostic) -> None:
        # With synchronous replication a statement timeout ends the wait for the standby, and COMMIT succeeds all the same. The name
        # of the server's function is the only thing in that warning that does not depend on its language.
        self._alone_on_disk = self._alone_on_disk or notice.source_function == _SYNC_REP

    def _ensure_partitions(self, connection: Connection, rows: list[ActivityRow]) -> None:
        if not rows:
            return
        first, last = partitions.week_of(rows[0].timestamp_us), partitions.week_of(rows[-1].timestamp_us)
        if first == last:
            if first in self._weeks:
                return
            missing = {first}
        else:
            missing = {partitions.week_of(row.timestamp_us) for row in rows} - self._weeks
        for week in sorted(missing):
            partitions.ensure(connection, [week])
            self._weeks.add(week)


def _unasked(_row: ActivityRow) -> None:
    """No bytes are known of a row of ours."""


def _entry(work: Work, payload_of: PayloadOf, refused: _RefusedError) -> Quarantined:
    """The one thing that `work` holds, as an entry of the quarantine."""
    reason, detail = refused.reason, str(refused)
    for row in (*work.rows, *work.rivals):
        if misshapen(row):
            reason = _FAULT
        return quarantined_row(row, payload_of(row), reason, why_suspect(row) or detail)
    thing: tuple[object, ...] = [*work.spans, *work.probes, *work.quarantined][0]
    return Quarantined("logs" if work.probes else "traces", reason, detail, repr(thing).encode("utf-8", "replace"))


def _clock_ahead_us(connection: Connection) -> int:
    row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
    return int(row[0]) - time.time_ns() // 1000 if row else 0
