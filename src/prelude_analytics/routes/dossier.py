"""All that is held on a person, as a file: for the person, and for who governs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import psycopg
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import StreamingResponse

from prelude_analytics.access import Caller, Calls
from prelude_analytics.database import Database, Reads, trouble
from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.problems import Problem
from prelude_otel.contract.email import normalise_email
from prelude_store.catalogues import known
from prelude_store.dossier import Dossier, NothingHeldError, open_dossier
from prelude_store.mentions.address import AddressError
from prelude_store.mentions.person import Person, person_of
from prelude_store.quarantine.reader import reader_of

__all__ = ["archive_headers", "opened", "router"]

router = APIRouter(tags=["governance"])

_AT_ONCE: Final = 2
"""Of one process: each has a connection of its own, and may walk through the whole log."""
_free = threading.BoundedSemaphore(_AT_ONCE)


class _AbandonedError(Exception):
    """Nobody waits for it any more."""


class DossierQuery(Parameters):
    """Whose data."""

    user_email: str | None = Field(
        None, description="The person; with the role `self` it is who asks, and may be left out."
    )
    with_others: bool = Field(
        default=False,
        description="Show who else is in activities that name the person. Needs the role `govern`; not for handing out.",
    )


@router.get(
    "/governance/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}, 404: {"description": "Nothing is held on the person."}},
)
async def get_dossier(
    query: Annotated[DossierQuery, Query()], caller: Calls, database: Reads, request: Request
) -> StreamingResponse:
    """All that is held on a person, as a zip with a page that explains it (GDPR, Articles 15 and 20).

    Looking for what others did that names the person takes a walk through the log: with ten million activities about half a minute
    before the answer begins.
    """
    catalogues = request.app.state.settings.catalogues
    content = opened(database, _whose(query, caller), catalogues, with_others=query.with_others)
    dossier = await anext(content)
    assert isinstance(dossier, Dossier)  # noqa: S101 (for the type checker: it comes first)
    return StreamingResponse(_bytes_of(content), media_type="application/zip", headers=archive_headers(dossier))


def archive_headers(dossier: Dossier) -> dict[str, str]:
    """Of an answer that is a dossier."""
    name = f"personal-data-{dossier.made_at:%Y%m%dT%H%M%SZ}.zip"
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }


def _whose(query: DossierQuery, caller: Caller) -> Person:
    if caller.role == "all":
        raise Problem(
            403,
            "Not for this role",
            "all that is held on a person is for that person (a token with the role self) and for the role govern",
        )
    if (
        caller.role == "self"
        and query.user_email is not None
        and normalise_email(query.user_email) != caller.user_email
    ):
        raise Problem(
            403, "Not yours", f"user_email={query.user_email}: this credential opens what is held on {caller.user_email} alone",
            parameter="user_email", value=query.user_email,
        )  # fmt: skip
    if caller.role == "self" and query.with_others:
        raise Problem(403, "Not yours", "with_others=true shows other people, which needs a token with the role govern")
    email = caller.user_email if caller.role == "self" else query.user_email
    if email is None:
        raise ParameterError("user_email", None, "say whose data: user_email=ada@company.com")
    try:
        return person_of(email)
    except AddressError as error:
        raise ParameterError("user_email", email, str(error)) from None


async def opened(
    database: Database, address: Person, catalogues: Sequence[Path], *, with_others: bool
) -> AsyncIterator[Dossier | bytes]:
    """The dossier itself, as soon as it is known that there is something; then its bytes. Ends with whoever reads.

    Args:
        catalogues: catalogue files of the services: they say which fields are personal.

    Raises:
        Problem: 404, nothing is held; 429, too many are made at once.
    """
    if not _free.acquire(blocking=False):
        raise Problem(
            429, "Busy", f"{_AT_ONCE} such exports are under way here; come again later", headers={"retry-after": "30"}
        )
    abandoned = threading.Event()

    def go_on(_what: str, _done: int, _of: int) -> None:
        if abandoned.is_set():
            raise _AbandonedError

    def begin() -> Dossier:
        return open_dossier(
            database.conninfo, address, reader_of(at_hand=True), catalogue=known(catalogues), with_others=with_others,
            application_name="prelude-analytics-dossier", progress=go_on,
        )  # fmt: skip

    opening = asyncio.ensure_future(asyncio.to_thread(begin))
    try:
        try:
            dossier = await asyncio.shield(opening)
        except NothingHeldError as error:
            raise Problem(404, "Nothing held", str(error)) from None
        except psycopg.Error as error:
            raise trouble(error, database.conninfo) or error from error
        except asyncio.CancelledError:
            abandoned.set()
            opening.add_done_callback(_let_go)
            raise
        try:
            yield dossier
            parts = iter(dossier)
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                yield part
        finally:
            dossier.close()
    finally:
        _free.release()


async def _bytes_of(content: AsyncIterator[Dossier | bytes]) -> AsyncIterator[bytes]:
    async for part in content:
        assert isinstance(part, bytes)  # noqa: S101 (for the type checker: the dossier itself has come)
        yield part


def _let_go(opening: asyncio.Future[Dossier]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
