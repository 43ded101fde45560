"""All that is held on a person, as a file: for the person, and for who governs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import StreamingResponse

from prelude_analytics.access import Caller, Calls
from prelude_analytics.database import Reads
from prelude_analytics.governing.dossiers import archive_headers, opened, parts_of
from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.problems import Problem
from prelude_analytics.streamed import Streamed
from prelude_otel.contract.email import normalise_email
from prelude_store.mentions.address import AddressError
from prelude_store.mentions.person import Person, person_of

__all__ = ["router"]

router = APIRouter(tags=["governance"])


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
    dossier = await opened(
        database, _whose(query, caller), catalogues, request.is_disconnected, with_others=query.with_others
    )
    content = parts_of(dossier)
    return Streamed(await anext(content), content, "application/zip", archive_headers(dossier))


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
