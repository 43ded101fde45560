"""An erasure or a renaming from its beginning to its end, step by step; gone on with where it stopped."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from uuid import UUID

import psycopg

from prelude_otel.errors import StoreError
from prelude_store import lanes, migrations
from prelude_store.connection import connect, said
from prelude_store.erasure import beside, derived, sessions
from prelude_store.erasure.asking import settle_requests
from prelude_store.erasure.held import holds_on
from prelude_store.erasure.rows import Batches, foreseen
from prelude_store.erasure.runs import Run
from prelude_store.erasure.traces import traces
from prelude_store.governance.acts import record_act
from prelude_store.governance.people import person_hash, person_key
from prelude_store.mentions.search import days_of_log, looks_like, said_in
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.quarantine.reader import Reader

__all__ = ["ALONE", "Work", "Worked", "governing", "remember"]

_T = TypeVar("_T")
_BEFORE_ALL: Final[tuple[Any, Any]] = ("-infinity", UUID(int=0))
ALONE: Final = 0x6572617365  # "erase"
"""Advisory lock of the erasure or renaming that is under way."""
_AT_ONCE: Final = 20_000
_RETRIES: Final = 5

_OWN: Final = """
SELECT "timestamp", event_id FROM public.user_activity_logs
WHERE user_email = %s AND ("timestamp", event_id) > (%s, %s) AND "timestamp" <= %s ORDER BY "timestamp", event_id LIMIT %s
"""
_NAMED: Final = f"""
SELECT "timestamp", event_id FROM public.user_activity_logs AS log {said_in("log")}
WHERE log."timestamp" >= %s AND log."timestamp" < %s AND log.user_email IS DISTINCT FROM %s AND {{like}}
ORDER BY "timestamp", event_id
"""  # noqa: S608 (constants)
_REOPENED: Final = """
SELECT user_email, ("timestamp" AT TIME ZONE 'UTC')::date FROM public.user_activity_logs
WHERE event_id = ANY (%s) AND result_status = 'pending'
"""
# Whoever is ahead of our clock did it all the same before they asked to be forgotten.
_UNTIL: Final = 'SELECT greatest(now(), max("timestamp")) FROM public.user_activity_logs WHERE user_email = %s'
_REMEMBER: Final = """
INSERT INTO public.erasures AS known (person, until) VALUES (%s, %s)
ON CONFLICT (person) DO UPDATE SET until = greatest(known.until, excluded.until), version = excluded.version, recorded_at = now()
"""


class Worked(NamedTuple):
    """What came of it.

    Args:
        run: with its counts; None where nothing is held on the person.
        resumed: an earlier one was gone on with.
        left: where the address still stands, e.g. a table of somebody else's in this database.
        act_id: of the act that says so.
    """

    run: Run | None
    resumed: bool
    left: list[str]
    act_id: int


class Work:
    """Carries out one aim.

    Args:
        connection: of `governing`.
        aim: what is to be done.
        reader: decodes what is in quarantine.
        actor: who has it done: a login, or the id of a token.
        reason: why, for the record; mentions of the person are left out.
        progress: told what is being done, how much of it is, and of how much.
    """

    def __init__(
        self,
        connection: Connection,
        aim: Aim,
        reader: Reader,
        *,
        actor: str,
        reason: str | None = None,
        progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
    ) -> None:
        self._connection = connection
        self._aim = aim
        self._reader = reader
        self._actor = actor
        self._reason = None if reason is None else aim.address.replaced(reason, "[the person]")
        self._progress = progress
        key = person_key(connection)
        self.person = person_hash(key, aim.address.email)
        self.renamed_to = None if aim.new is None else person_hash(key, aim.new.email)
        self._kind = "erase" if aim.new is None else "rename"

    def foresee(self) -> dict[str, int]:
        """How much is held, and would be changed; changes nothing."""
        address = self._aim.address
        found = {"rows": 0, "mentions": 0}
        found["rows"] = self._number(
            "SELECT count(*) FROM public.user_activity_logs WHERE user_email = %s", [address.email]
        )
        days = days_of_log(self._connection)
        for done, day in enumerate(days, 1):
            found["mentions"] += len(foreseen(self._connection, self._naming(day), self._aim))
            self._progress("looking for mentions", done, len(days))
        with self._connection.transaction(force_rollback=True):
            run = self._begin(found_by_act=False)
            derived.settle(self._connection, self._aim, run)
            beside.settle_profiles(self._connection, self._aim, run)
            beside.settle_credentials(self._connection, self._aim, run)
            settle_requests(self._connection, self._aim, run)
            beside.settle_quarantine(self._connection, self._aim, run, self._reader)
        return found | {name: count for name, count in run.counts.items() if count}

    def carry_out(self, until: datetime | None = None) -> Worked:
        """Do it, or go on with it.

        Args:
            until: what the person did up to then; by default up to now.

        Raises:
            StoreError: another one is under way, or was interrupted and meant something else.
        """
        if not self._number("SELECT pg_try_advisory_lock(%s)::integer", [ALONE]):
            raise StoreError("another erasure or renaming is under way; wait until it is done")
        run = self._unfinished()
        resumed = run is not None
        self._refuse_held()
        if run is None:
            if not self._anything():
                return Worked(None, False, [], self._say_nothing_is_held())
            with self._connection.transaction():
                run = self._begin(until)
        self._let_writers_know()
        lane = lanes.claim(self._connection)
        batches = Batches(self._connection, lane, run, self._aim)
        if run.step == "own":
            self._own(run, batches)
            self._step(run, "named")
        if run.step == "named":
            self._named(run, batches)
            self._step(run, "beside")
        self._progress("counts", 0, 1)
        self._settle(run, batches)
        self._progress("quarantine", 0, 1)
        beside.settle_quarantine(self._connection, self._aim, run, self._reader)
        self._progress("looking for what is left", 0, 1)
        left = traces(self._connection, self._aim.address, self._reader)
        with self._connection.transaction():
            detail: dict[str, Any] = {
                "person": run.person.hex(),
                "run": run.id,
                "counts": dict(run.counts),
                "left": left,
            }
            act = record_act(self._connection, lane, f"{self._kind}d", self._actor, detail, self._reason)
            run.finish(self._connection)
        self._progress("done", 1, 1)
        return Worked(run, resumed, left, act)

    def _refuse_held(self) -> None:
        """A hold on all that the person did wins: what must be kept by law is kept (Article 17(3))."""
        holds = holds_on(self._connection, self.person) if self._aim.new is None else []
        if not holds:
            return
        numbers = ", ".join(str(number) for number, _ in holds)
        with self._connection.transaction():
            detail = {"person": self.person.hex(), "refused": "held", "holds": [number for number, _ in holds]}
            record_act(self._connection, lanes.claim(self._connection), self._kind, self._actor, detail, self._reason)
        raise StoreError(
            f"nothing was erased: {self._aim.address.email} is under legal hold {numbers} ({holds[0][1]}); Article 17(3) of the GDPR lets"
            " that stand. The refusal is recorded. Once the hold is released, erase again"
        )

    def _unfinished(self) -> Run | None:
        run = next((run for run in Run.of_person(self._connection, self.person) if run.finished_at is None), None)
        if run is None or (run.kind, run.renamed_to) == (self._kind, self.renamed_to):
            return run
        meant = "an erasure" if run.kind == "erase" else "a renaming to another address"
        raise StoreError(
            f"{meant} of {self._aim.address.email} that began on {run.began_at:%Y-%m-%d %H:%M} is not finished: give that command"
            " again first"
        )

    def _begin(self, until: datetime | None = None, *, found_by_act: bool = True) -> Run:
        connection = self._connection
        if until is None:
            row = connection.execute(_UNTIL, [self._aim.address.email]).fetchone()
            assert row is not None  # noqa: S101 (an aggregate)
            until = row[0]
        detail = {"person": self.person.hex(), "until": until.isoformat()}
        if self.renamed_to is not None:
            detail["to"] = self.renamed_to.hex()
        act = record_act(connection, lanes.claim(connection), self._kind, self._actor, detail, self._reason)
        if self.renamed_to is None and found_by_act:
            remember(connection, self.person, until)
        return Run.begin(connection, self._kind, self.person, self.renamed_to, act, until)

    def _let_writers_know(self) -> None:
        """Wait until every writer that has not heard of the erasure has committed: the next one asks, see `erasure.asked`."""
        lanes_of_all = [
            lane for (lane,) in self._connection.execute("SELECT lane FROM public.ingest_lanes ORDER BY lane")
        ]
        for lane in lanes_of_all:
            self._connection.execute("SELECT 1 FROM public.ingest_lanes WHERE lane = %s FOR SHARE", [lane])

    def _own(self, run: Run, batches: Batches) -> None:
        email = self._aim.address.email
        total = self._number(
            'SELECT count(*) FROM public.user_activity_logs WHERE user_email = %s AND "timestamp" <= %s',
            [email, run.until],
        )
        done, behind = 0, _BEFORE_ALL
        self._progress("what the person did", 0, total)
        while keys := self._connection.execute(_OWN, [email, *behind, run.until, _AT_ONCE]).fetchall():
            # The index still holds what is done: it is not walked through again.
            behind = keys[-1]
            before = done

            def told(part: int, before: int = before) -> None:
                self._progress("what the person did", before + part, max(total, before + part))

            batches.change(keys, told)
            done += len(keys)

    def _named(self, run: Run, batches: Batches) -> None:
        days = days_of_log(self._connection)
        for done, day in enumerate(days, 1):
            if run.reached is None or day > run.reached:
                batches.change(self._naming(day))
                run.reached = day
                run.save(self._connection)
            self._progress("what others did that names the person", done, len(days))

    def _reopened(self, run: Run) -> set[str]:
        """Who has pending activities whose end went as a whole: they count again. Found by one look through the log; seldom any."""
        if not run.reopened:
            return set()
        users: set[str] = set()
        for user, day in self._connection.execute(_REOPENED, [sorted(run.reopened)]):
            run.anew.add(day)
            run.days.add(day)
            users |= {user} if user else set()
        run.save(self._connection, run.days)
        return users

    def _settle(self, run: Run, batches: Batches) -> None:
        reopened = self._reopened(run)
        settled: dict[date, int] = {}
        days = derived.changed_days(self._connection, settled)
        for done, day in enumerate(days, 1):
            settled[day] = self._insist(run, partial(derived.settle_day, self._connection, self._aim, run, day))
            self._progress("counts", done, len(days))

        def last() -> None:
            derived.settle(self._connection, self._aim, run, batches.within, settled)
            sessions.recount(self._connection, sorted(reopened))
            beside.settle_profiles(self._connection, self._aim, run)
            beside.settle_credentials(self._connection, self._aim, run)
            settle_requests(self._connection, self._aim, run)

        self._insist(run, last)

    def _insist(self, run: Run, step: Callable[[], _T]) -> _T:
        """Take a step in a transaction of its own, again where somebody took the locks the other way round."""
        counted = run.counts.copy()
        for attempt in range(_RETRIES):
            run.counts = counted.copy()
            try:
                with self._connection.transaction():
                    came = step()
                    run.save(self._connection)
            except psycopg.errors.DeadlockDetected:
                if attempt == _RETRIES - 1:
                    raise
            else:
                return came
        raise AssertionError

    def _naming(self, day: Any) -> list[tuple[datetime, Any]]:
        like, needles = looks_like(self._aim.address)
        asked = _NAMED.replace("{like}", like).encode()
        values = [day, day + timedelta(days=1), self._aim.address.email, *needles]
        return list(self._connection.execute(asked, values).fetchall())

    def _step(self, run: Run, step: Any) -> None:
        run.step = step
        run.save(self._connection)

    def _anything(self) -> bool:
        """Whether anything is held, cheap questions first."""
        return bool(
            self._number("SELECT count(*) FROM (SELECT FROM public.user_activity_logs WHERE user_email = %s LIMIT 1) AS one",
                         [self._aim.address.email])
            or traces(self._connection, self._aim.address, self._reader)
            or any(foreseen(self._connection, self._naming(day), self._aim) for day in days_of_log(self._connection))
        )  # fmt: skip

    def _say_nothing_is_held(self) -> int:
        detail = {"person": self.person.hex(), "held": "nothing"}
        with self._connection.transaction():
            return record_act(
                self._connection, lanes.claim(self._connection), self._kind, self._actor, detail, self._reason
            )

    def _number(self, question: str, values: list[Any]) -> int:
        row = self._connection.execute(question.encode(), values).fetchone()
        return int(row[0]) if row else 0


def remember(connection: Connection, person: bytes, until: datetime) -> None:
    """Keep out what the person did up to `until`, from wherever it still comes; within an open transaction."""
    # One after the other: a writer that knows the highest version must know all.
    connection.execute("LOCK TABLE public.erasures IN SHARE ROW EXCLUSIVE MODE")
    connection.execute(_REMEMBER, [person, until])


@contextmanager
def governing(conninfo: str, application_name: str) -> Iterator[Connection]:
    """A connection that changes the log; what the database refuses becomes an error that names the remedy."""
    settings = {
        "jit": "off",
        "default_transaction_isolation": "read committed",
        "lock_timeout": "0",
        "statement_timeout": "0",
    }
    with connect(conninfo, application_name, **settings) as connection:
        try:
            migrations.check(connection)
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreError(
                f"this login of {target(conninfo)} may not change what is held: GRANT prelude_governor TO it ({said(error)})"
            ) from None
