"""Where those who govern do what they do: with the login of `Care`, in threads, each act under the id of their token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

from fastapi import Depends
from psycopg.errors import LockNotAvailable, UniqueViolation
from starlette.requests import HTTPConnection

from prelude_analytics.care import READING
from prelude_analytics.database import DatabaseUnavailableError, TooMuchError
from prelude_analytics.governing.jobs import Jobs
from prelude_analytics.governing.person import Task, carry_out
from prelude_analytics.parameters import ParameterError
from prelude_analytics.problems import Problem
from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import lanes
from prelude_store.erasure.carry_out import ALONE
from prelude_store.governance import deeds, four_eyes, proposals, receipts, requests
from prelude_store.governance.absent import AbsentError
from prelude_store.governance.acts import record_act
from prelude_store.governance.people import person_hash, person_key
from prelude_store.governance.proposals import Who
from prelude_store.mentions.address import AddressError
from prelude_store.mentions.person import Person, person_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prelude_analytics.access import Caller
    from prelude_analytics.care import Care
    from prelude_analytics.settings import Settings
    from prelude_store.connection import Connection
    from prelude_store.governance.deeds import Deed
    from prelude_store.governance.proposals import Proposal
    from prelude_store.governance.requests import Request

__all__ = ["EXPORTS", "Office", "Offices", "actor_of", "refusing"]

WHAT: Final = "governance"
EXPORTS: Final[tuple[requests.Kind, ...]] = ("access", "portability")
CHANGES: Final[tuple[requests.Kind, ...]] = ("erasure", "rename")
_PLAN_TIMEOUT: Final = "60s"
_AGAIN: Final = 5.0
"""Seconds until the database is asked again that was away."""
_Found = TypeVar("_Found")
_log = logging.getLogger(__name__)


def actor_of(caller: Caller) -> str:
    """Who acts, as acts name it: never an address."""
    return f"token:{caller.token_id}"


class Office:
    """Everything that is governed from here.

    Args:
        care: has the login.
        settings: of the process.

    Attributes:
        jobs: what is at work.

    Every method raises `Problem` (404 it is not there, 409 it can't be done, 501 there is no login), `ParameterError`,
    `DatabaseUnavailableError` and `TooMuchError`.
    """

    def __init__(self, care: Care, settings: Settings) -> None:
        self._care = care
        self._settings = settings
        self._planning = asyncio.Semaphore(1)
        self._later: set[asyncio.Task[None]] = set()
        self.jobs = Jobs()

    def __bool__(self) -> bool:
        """Whether there is a login for it."""
        return bool(self._care)

    @property
    def catalogues(self) -> tuple[Path, ...]:
        """Catalogue files of the services."""
        return self._settings.catalogues

    async def ask_for_four_eyes(self) -> None:
        """Where this service is to, have the log ask for them, so that every other service on it does; tries until that is done."""
        while self and self._settings.four_eyes:
            try:
                await self._done(self._settle, default_transaction_isolation="read committed")
            except (Problem, DatabaseUnavailableError, TooMuchError, StoreUnavailableError) as error:
                _log.warning("four eyes are not asked for yet: %s", error)
                await asyncio.sleep(_AGAIN)
            else:
                return

    async def look(self, work: Callable[[Connection], _Found]) -> _Found:
        """What `work` finds; it changes nothing."""
        return await self._done(work, **READING)

    async def plan(self, work: Callable[[Connection], _Found]) -> _Found:
        """As `look`, for what reads all of the log: one at a time."""
        async with self._planning:
            try:
                return await self._done(work, **READING, statement_timeout=_PLAN_TIMEOUT)
            except TooMuchError:
                said = f"a week of the log took longer than {_PLAN_TIMEOUT} to count; prelude store retain plan takes its time"
                raise Problem(409, "Not possible", said) from None

    async def act(self, caller: Caller, work: Callable[[Connection, int, Who], _Found]) -> _Found:
        """What becomes of `work`, which is given a lane and who acts, in one transaction."""

        def done(connection: Connection) -> _Found:
            try:
                lane = self._settle(connection)
                with connection.transaction():
                    return work(connection, lane, _who(connection, caller))
            except (LockNotAvailable, UniqueViolation):
                raise StoreError("somebody else is changing the same just now; look, and try again") from None

        return await self._done(done, default_transaction_isolation="read committed", lock_timeout="4s")

    async def decide(self, caller: Caller, deed: Deed) -> int | Proposal | None:
        """Do `deed`; or, where four eyes are asked for, propose it. Gives the number of a new hold, or the proposal."""

        def work(connection: Connection, lane: int, who: Who) -> int | Proposal | None:
            if not four_eyes.asked_for(connection):
                return deeds.do(connection, lane, who.actor, deed)
            deeds.try_out(connection, lane, who.actor, deed)
            number = proposals.propose(
                connection,
                lane,
                who,
                deed.kind,
                deed.content,
                within=self._within,
                reason=deed.reason,
                email=deed.email,
            )
            return _proposal(connection, number)

        return await self.act(caller, work)

    async def consent(self, caller: Caller, number: int) -> Proposal:
        """Consent to a proposal: it is done, or begun."""

        def work(connection: Connection, lane: int, who: Who) -> tuple[Proposal, Task | None]:
            found = proposals.consent(connection, lane, who, number)
            if found.request_id is None:
                deeds.do(connection, lane, who.actor, deeds.Deed(found.kind, found.content, found.reason, found.email))  # type: ignore[arg-type]
                return found, None
            asked = requests.request(connection, found.request_id)
            if asked.email is None:
                raise requests.RequestError(f"request {asked.id} is not open any more: it is {asked.state}")
            return found, self._begun(connection, asked, person_of(asked.email), who.actor, found.reason)

        self._care.refuse_without_login(WHAT)
        found, task = await self.act(caller, work)
        if task is not None:
            self._start(task)
        return found

    async def refuse(self, caller: Caller, number: int, reason: str | None) -> None:
        """Refuse a proposal, or withdraw one's own."""
        await self.act(caller, lambda connection, lane, who: proposals.refuse(connection, lane, who, number, reason))

    async def change(self, caller: Caller, number: int, email: str, reason: str | None) -> Proposal | None:
        """Carry out an erasure or a change of address: begin it, or propose it, which then is given."""

        def work(connection: Connection, lane: int, who: Who) -> Proposal | Task:
            address = person_of(email)
            found = requests.take_over(connection, number, address, CHANGES)
            if found.state == "open" and four_eyes.asked_for(connection):
                kind: Any = found.kind
                made = proposals.propose(
                    connection, lane, who, kind, {"request": number, "person": found.person.hex()},
                    within=self._within, reason=_unnamed(reason, address), request_id=number,
                )  # fmt: skip
                return _proposal(connection, made)
            return self._begun(connection, found, address, who.actor, reason)

        done = await self.act(caller, work)
        if isinstance(done, Task):
            self._start(done)
            return None
        return done

    async def begin_export(self, caller: Caller, number: int, email: str) -> Request:
        """An answer to who asks what is held on them begins; `end_export` ends it. Gives the request as it was."""

        def work(connection: Connection, _lane: int, who: Who) -> Request:
            found = requests.take_over(connection, number, person_of(email), EXPORTS)
            requests.begin(connection, number, who.actor)
            return found._replace(email=person_of(email).email)

        return await self.act(caller, work)

    async def end_export(self, caller: Caller, before: Request, made: dict[str, Any]) -> None:
        """All of it was handed out: the request is done, and its receipt kept."""

        def work(connection: Connection, lane: int, who: Who) -> None:
            detail = {"person": before.person.hex(), "rows": made["rows"], "request": before.id}
            act = record_act(connection, lane, "export", who.actor, detail)
            receipts.keep(connection, "export", before.person, act, made | {"act": act}, before.id)
            requests.close(connection, lane, who.actor, before.id, "done", None)

        await self.act(caller, work)

    def give_back(self, before: Request, why: str) -> None:
        """It was not handed out: the request is open again, soon, though nobody waits for it."""
        email = before.email or ""
        task = asyncio.create_task(self._done(lambda connection: requests.give_back(connection, before.id, email, why)))
        self._later.add(task)
        task.add_done_callback(self._given_back)

    def _given_back(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a request could not be opened again; carry it out once more", exc_info=task.exception())

    async def close(self, caller: Caller, number: int, outcome: requests.Outcome, reason: str | None) -> None:
        """End a request by hand."""

        def work(connection: Connection, lane: int, who: Who) -> None:
            if requests.request(connection, number).state == "running":
                raise requests.RequestError(
                    f"request {number} is being carried out, or was interrupted: carry it out to its end"
                )
            requests.close(connection, lane, who.actor, number, outcome, reason)

        await self.act(caller, work)

    def _settle(self, connection: Connection) -> int:
        """What comes before anything else: four eyes are asked for, and what waited for too long is let go. Gives a lane."""
        lane, login = lanes.claim(connection), connection.info.user
        with connection.transaction():
            if self._settings.four_eyes:
                four_eyes.switch(connection, lane, login, on=True, reason=f"{four_eyes.FOUR_EYES}=on")
            proposals.lapse(connection, lane, login)
        return lane

    @property
    def _within(self) -> timedelta:
        return timedelta(days=self._settings.consent_days)

    def _begun(self, connection: Connection, found: Request, address: Person, actor: str, reason: str | None) -> Task:
        if connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [ALONE]).fetchone() != (True,):
            raise requests.RequestError("another erasure or change of address is under way; wait until it is done")
        new = person_of(found.new_email) if found.new_email is not None else None
        requests.begin(connection, found.id, actor)
        key_file = self._settings.seal_key_file
        return Task(
            found, address, new, actor, reason, self._settings.catalogues, None if key_file is None else str(key_file)
        )

    def _start(self, task: Task) -> None:
        conninfo = self._care.conninfo
        if not self.jobs.start(task.request.id, lambda progress: carry_out(conninfo, task, progress)):
            raise Problem(409, "Not possible", f"request {task.request.id} is being carried out")

    async def _done(self, work: Callable[[Connection], _Found], **settings: str) -> _Found:
        with refusing():
            return await self._care.do(work, WHAT, **settings)


@contextmanager
def refusing() -> Iterator[None]:
    """Inside, what the store refuses becomes an answer.

    Raises:
        Problem: 404, it is not there; 409, it can't be done, and why.
        ParameterError: an address is none.
    """
    try:
        yield
    except (StoreUnavailableError, DatabaseUnavailableError, TooMuchError):
        raise
    except AbsentError as error:
        raise Problem(404, "Not there", str(error)) from None
    except AddressError as error:
        raise ParameterError("user_email", "…", str(error)) from None
    except StoreError as error:
        raise Problem(409, "Not possible", str(error)) from None


def _who(connection: Connection, caller: Caller) -> Who:
    person = None if caller.user_email is None else person_hash(person_key(connection), caller.user_email)
    return Who(actor_of(caller), person)


def _proposal(connection: Connection, number: int) -> Proposal:
    return next(one for one in proposals.proposals(connection, waiting=True, limit=1, after=number - 1))


def _unnamed(reason: str | None, address: Person) -> str | None:
    return None if reason is None else address.replaced(reason, "[the person]")


def _office(connection: HTTPConnection) -> Office:
    office: Office = connection.app.state.office
    return office


Offices: TypeAlias = Annotated[Office, Depends(_office)]
"""The office, as a parameter of a route."""
