"""Whether to let somebody in: the database decides, and how often somebody may try and ask."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from prelude_analytics.access.buckets import Buckets
from prelude_analytics.access.caller import Caller
from prelude_analytics.access.credentials import Credentials, Refused
from prelude_analytics.access.places import place_of
from prelude_analytics.access.validity import Validity
from prelude_analytics.problems import Problem

if TYPE_CHECKING:
    from prelude_analytics.access.tokens import Credential
    from prelude_analytics.settings import Settings

__all__ = ["CHALLENGE", "Access"]

CHALLENGE: Final = {"www-authenticate": 'Bearer realm="prelude analytics"'}
_FAILURES: Final = (0.5, 30)
"""Of one address: wrong credentials a second, and in one go."""
_GUESSES: Final = (0.2, 10)
"""Of one id of a token."""
_PROVEN: Final = 10_000
"""Credentials that were right lately, and so are asked about though their address or id is blocked by somebody else's failures."""


class Access:
    """Judges credentials. One for each process."""

    def __init__(self, settings: Settings) -> None:
        self.credentials = Credentials(settings)
        self.validity = Validity(self.credentials)
        self._failures = Buckets(*_FAILURES)
        self._guesses = Buckets(*_GUESSES)
        self._requests = Buckets(settings.requests_per_second, settings.requests_at_once)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def of_token(self, shown: Credential | None, address: str) -> Caller:
        """The caller who holds a token; None: it has not even the form of one.

        Raises:
            Problem: 401, it lets nobody in; 429, there were too many such attempts.
            DatabaseUnavailableError: nobody can say.
        """
        return await self._judge(shown, address, cookie=False)

    async def of_session(self, shown: Credential | None, address: str) -> Caller:
        """The caller who holds a session; as `of_token`."""
        return await self._judge(shown, address, cookie=True)

    def count(self, caller: Caller) -> None:
        """Count a request of the caller.

        Raises:
            Problem: 429, there were too many.
        """
        wait = self._requests.wait(caller.token_id)
        if wait:
            raise _too_many("this token makes more requests than are allowed", wait)
        self._requests.take(caller.token_id)
        self.validity.used(caller)

    async def _judge(self, shown: Credential | None, address: str, *, cookie: bool) -> Caller:
        place = place_of(address)
        if shown is None or shown.digest not in self._proven:
            wait = max(self._failures.wait(place), self._guesses.wait(shown.id) if shown else 0.0)
            if wait:
                raise _too_many("too many credentials that let nobody in", wait)
        if shown is None:
            found: Caller | Refused = Refused("this is not a token of prelude analytics (prelude_a_…)", "unknown")
        else:
            found = await (self.credentials.of_session if cookie else self.credentials.of_token)(shown)
        if isinstance(found, Caller):
            assert shown is not None  # noqa: S101 (for the type checker: nobody is found for nothing)
            self._prove(shown)
            return found
        if shown is not None:
            self._guesses.take(shown.id)
            self._proven.pop(shown.digest, None)
        if found.kind == "unknown":  # who knows the secret does not guess
            self._failures.take(place)
        remedy = "sign in again" if cookie else "make another: prelude token create"
        raise Problem(401, "Credential refused", f"{found.why}; {remedy}", headers=CHALLENGE, reason=found.kind)

    def _prove(self, shown: Credential) -> None:
        self._proven[shown.digest] = None
        self._proven.move_to_end(shown.digest)
        if len(self._proven) > _PROVEN:
            self._proven.popitem(last=False)


def _too_many(said: str, wait: float) -> Problem:
    seconds = max(1, math.ceil(wait))
    return Problem(
        429, "Too many requests", f"{said}; come again in {seconds} s", headers={"retry-after": str(seconds)}
    )
