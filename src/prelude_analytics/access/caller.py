"""Who asks, what the role opens, and the parameter of a route that gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from prelude_analytics.access.roles import Role
from prelude_analytics.problems import Problem
from prelude_otel.contract.email import normalise_email

if TYPE_CHECKING:
    from prelude_analytics.settings import Settings

__all__ = [
    "CALLER",
    "Caller",
    "Calls",
    "Governs",
    "Operates",
    "Ranks",
    "governs",
    "may_rank",
    "operates",
    "ranks",
    "restrict",
]

CALLER: Final = "prelude.caller"
"""Where the gate puts the caller in the scope of a request."""

_Filters = TypeVar("_Filters", bound=Any)


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid credential.

    Attributes:
        token_id: id of the token; the one that the session began with, where a cookie was shown.
        role: ``self`` sees the activities of `user_email` alone; ``all`` and ``govern`` see everybody's.
        user_email: the person who holds the token, if the token says so; always for ``self``.
        name: of the token.
        expires_at: when the credential ends; None: it does not by itself.
        session_id: id of the session, where a cookie was shown.
    """

    token_id: str
    role: Role
    user_email: str | None = None
    name: str | None = None
    expires_at: datetime | None = None
    session_id: str | None = None

    @property
    def acting(self) -> str:
        """Who did it, for the record."""
        return self.user_email or f"token:{self.name or self.token_id}"


async def caller(connection: HTTPConnection) -> Caller:
    """The caller of a request or socket, which the gate has let in."""
    found: Caller | None = connection.scope.get(CALLER)
    if found is None:
        raise Problem(401, "Credential needed", "this needs a token: Authorization: Bearer …")
    return found


Calls: TypeAlias = Annotated[Caller, Depends(caller)]
"""The caller, as a parameter of a route."""


def restrict(caller: Caller, filters: _Filters) -> _Filters:
    """`filters`, a dataclass with ``user_email``, as narrow as the caller's role demands.

    Raises:
        Problem: 403, the role is ``self`` and the filter names somebody else.
    """
    if caller.role != "self":
        return filters
    asked = filters.user_email
    if asked is not None and normalise_email(asked) != caller.user_email:
        raise Problem(
            403,
            "Not yours",
            f"user_email={asked}: this credential opens the activities of {caller.user_email} alone; leave user_email out",
            parameter="user_email",
            value=asked,
        )
    narrowed: _Filters = replace(filters, user_email=caller.user_email)
    return narrowed


def may_rank(caller: Caller, settings: Settings) -> bool:
    """Whether an answer to `caller` may rank people by name; ask it where names come along in answers about other things."""
    return settings.named_rankings and caller.role == "all"


async def ranks(caller: Calls, connection: HTTPConnection) -> Caller:
    """The caller of a route that ranks people by name. With the role ``self`` there is nobody to rank but oneself.

    Raises:
        Problem: 403, rankings are switched off, or need the role ``all``.
    """
    settings: Settings = connection.app.state.settings
    if caller.role == "self" or may_rank(caller, settings):
        return caller
    if not settings.named_rankings:
        said = "this service ranks nobody by name (PRELUDE_NAMED_RANKINGS=off); figures without names are on the other routes"
    else:
        said = f"a ranking of people by name needs a token with the role all; this one has the role {caller.role}"
    raise Problem(403, "No named rankings", said)


Ranks: TypeAlias = Annotated[Caller, Depends(ranks)]
"""The caller, as a parameter of a route that ranks people by name."""


def operates(caller: Calls) -> Caller:
    """The caller of a route about the service itself, which is nobody's own.

    Raises:
        Problem: 403, the role is ``self``.
    """
    if caller.role == "self":
        said = "how the service fares is told to the roles all and govern; this credential opens one person's activities alone"
        raise Problem(403, "Not yours", said)
    return caller


def governs(caller: Calls) -> Caller:
    """The caller of a route that opens or changes what is kept beside the log.

    Raises:
        Problem: 403, the role is not ``govern``.
    """
    if caller.role != "govern":
        raise Problem(403, "Not yours", f"this needs a token with the role govern; this one has the role {caller.role}")
    return caller


Operates: TypeAlias = Annotated[Caller, Depends(operates)]
"""The caller, as a parameter of a route about the service itself."""

Governs: TypeAlias = Annotated[Caller, Depends(governs)]
"""The caller, as a parameter of a route for those who care for the data."""
