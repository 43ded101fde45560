"""Whether those who are let in for long (sockets, exports) may stay: asked once a second, and told at once."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prelude_analytics.access.caller import Caller
    from prelude_analytics.access.credentials import Credentials

__all__ = ["Validity"]

_PERIOD: Final = 1.0
_NOTED_EVERY: Final = 60
"""Rounds after which the database is told which tokens were used."""
_log = logging.getLogger(__name__)


class Validity:
    """Keeps an eye on the credentials of everybody who is being served."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._watched: dict[Caller, set[Callable[[], None]]] = {}
        self._used: set[str] = set()

    def on_revoked(self, caller: Caller, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called, in the event loop and once, when the caller's credential ends.

        Returns:
            What undoes it.
        """

        # A function of its own, so that the same `call` may be given twice.
        def told() -> None:
            call()

        self._watched.setdefault(caller, set()).add(told)

        def undo() -> None:
            calls = self._watched.get(caller)
            if calls is not None:
                calls.discard(told)
                if not calls:
                    del self._watched[caller]

        return undo

    def used(self, caller: Caller) -> None:
        """The token has been used."""
        self._used.add(caller.token_id)

    async def watch(self) -> None:
        """Look once a second, until cancelled."""
        rounds = 0
        while True:
            rounds += 1
            try:
                await self.look()
                if rounds % _NOTED_EVERY == 1 and self._used:
                    used, self._used = self._used, set()
                    await self._credentials.used(used)
            except PreludeError as error:
                _log.debug("credentials are not watched for now: %s", error)
            except Exception:  # noqa: BLE001 (who is let in stays watched)
                _log.exception("watching credentials failed")
            await asyncio.sleep(_PERIOD)

    async def look(self) -> None:
        """Tell those whose credential has ended. What ends by the clock ends without the database, too.

        Raises:
            DatabaseUnavailableError: what was revoked is not known for now.
        """
        now = datetime.now(UTC)
        self._tell([each for each in self._watched if each.expires_at is not None and each.expires_at <= now])
        watched = list(self._watched)
        if not watched:
            return
        sessions = {each.session_id for each in watched if each.session_id is not None}
        valid = await self._credentials.valid({each.token_id for each in watched}, sessions)
        self._tell([each for each in watched if not _stays(each, valid)])

    def _tell(self, ended: list[Caller]) -> None:
        for caller in ended:
            for call in self._watched.pop(caller, set()):
                call()


def _stays(caller: Caller, valid: set[str]) -> bool:
    return caller.token_id in valid and (caller.session_id is None or f".{caller.session_id}" in valid)
