"""Signing in, told to the recorder: who got in, and what was refused. The gate tells of signing out, as of every other request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prelude_analytics.access.audit import describe
from prelude_analytics.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from prelude_analytics.access.audit import Recorder
    from prelude_analytics.access.caller import Caller
    from prelude_analytics.access.tokens import Credential

__all__ = ["signed_in", "signing_in"]

_REFUSALS: Final = frozenset({401, 429})
_TOO_MANY: Final = 429


def signed_in(request: Request, route: str, caller: Caller) -> None:
    """`caller` has a session now.

    Args:
        route: as the recorder knows it.
    """
    recorder: Recorder | None = request.app.state.recorder
    if recorder is not None:
        recorder(request.scope, route, caller, 201)


@contextmanager
def signing_in(request: Request, route: str, shown: Credential | None) -> Iterator[None]:
    """Around what may refuse a credential, which is recorded then by its public id, and never by its secret.

    Args:
        route: as the recorder knows it.
        shown: what was shown; None: it had not even the form of a token.
    """
    try:
        yield
    except Problem as problem:
        recorder: Recorder | None = request.app.state.recorder
        if recorder is not None and problem.status in _REFUSALS:
            reason = "too_many" if problem.status == _TOO_MANY else str(problem.extra.get("reason", "ended"))
            describe(request.scope, reason=reason, **({"shown_id": shown.id} if shown else {}))
            recorder(request.scope, route, None, problem.status)
        raise
