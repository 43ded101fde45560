"""Tokens and sessions in the database, as the service sees them: it checks, it lets browsers in and out, it makes no token."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from prelude_analytics.access.caller import Caller
from prelude_analytics.access.tokens import Credential, make, matches
from prelude_analytics.database import DatabaseUnavailableError, connection_pool, trouble

if TYPE_CHECKING:
    from collections.abc import Collection

    from prelude_analytics.settings import Settings

__all__ = ["Credentials", "Refused"]

_CONNECTIONS: Final = 4
_log = logging.getLogger(__name__)

_FIND: Final = """
SELECT id AS token_id, token_hash AS hash, role, user_email, name, expires_at, NULL AS session_id,
    revoked_at, expires_at <= now() AS expired
FROM public.analytics_tokens WHERE id = %(id)s
"""
_FIND_SESSION: Final = """
SELECT token.id AS token_id, session_hash AS hash, role, user_email, name, least(session.expires_at, token.expires_at) AS expires_at,
    session.id AS session_id, revoked_at, least(session.expires_at, token.expires_at) <= now() AS expired
FROM public.analytics_sessions AS session JOIN public.analytics_tokens AS token ON token.id = session.token_id
WHERE session.id = %(id)s
"""
_BEGIN: Final = """
WITH gone AS (DELETE FROM public.analytics_sessions WHERE expires_at <= now())
INSERT INTO public.analytics_sessions (id, session_hash, token_id, expires_at)
SELECT %(id)s, %(hash)s, id, least(now() + make_interval(secs => %(seconds)s), expires_at)
FROM public.analytics_tokens
WHERE id = %(token_id)s AND revoked_at IS NULL AND coalesce(expires_at > now(), true)
RETURNING expires_at
"""
_END: Final = "DELETE FROM public.analytics_sessions WHERE id = %(id)s"
_VALID: Final = """
SELECT id FROM public.analytics_tokens
WHERE id = ANY(%(tokens)s) AND revoked_at IS NULL AND coalesce(expires_at > now(), true)
UNION ALL
SELECT '.' || id FROM public.analytics_sessions WHERE id = ANY(%(sessions)s) AND expires_at > now()
"""
_USED: Final = "UPDATE public.analytics_tokens SET last_used_at = now() WHERE id = ANY(%(tokens)s)"


@dataclass(frozen=True, slots=True)
class Refused:
    """A credential that lets nobody in.

    Attributes:
        why: for the holder of the secret; who only guesses is told that it is unknown.
        kind: ``unknown``, ``expired`` or ``revoked``.
    """

    why: str
    kind: str


class Credentials:
    """Asks the database; of whoever is let in it remembers nothing, so that what is taken back is taken back at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = connection_pool(settings, "prelude-analytics-access", _CONNECTIONS)

    async def open(self) -> None:
        """Start connecting; returns at once."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(timeout=1.0)

    async def of_token(self, shown: Credential) -> Caller | Refused:
        """Who holds this token.

        Raises:
            DatabaseUnavailableError: nobody can say.
        """
        return _judged(shown, await self._ask(_FIND, id=shown.id), "token")

    async def of_session(self, shown: Credential) -> Caller | Refused:
        """Who holds this session.

        Raises:
            DatabaseUnavailableError: nobody can say.
        """
        return _judged(shown, await self._ask(_FIND_SESSION, id=shown.id), "session")

    async def begin_session(self, caller: Caller) -> tuple[str, datetime] | None:
        """A new session of the token's holder: the value of its cookie, and when it ends; None where the token has just ended."""
        made = make(cookie=True)
        rows = await self._ask(
            _BEGIN,
            id=made.id,
            hash=made.digest,
            token_id=caller.token_id,
            seconds=self._settings.session_lifetime,
        )
        return (made.secret, rows[0]["expires_at"]) if rows else None

    async def end_session(self, session_id: str) -> None:
        """End it at once."""
        await self._ask(_END, id=session_id)

    async def valid(self, tokens: Collection[str], sessions: Collection[str]) -> set[str]:
        """Which ids of tokens are valid still, and which of sessions, those with a dot before them."""
        rows = await self._ask(_VALID, tokens=list(tokens), sessions=list(sessions))
        return {row["id"] for row in rows}

    async def used(self, tokens: Collection[str]) -> None:
        """Note that these tokens have been used."""
        await self._ask(_USED, tokens=list(tokens))

    async def _ask(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement, committed by itself; again where the connection turns out to have died meanwhile."""
        wait = self._settings.database_wait
        try:
            async with asyncio.timeout(wait):
                while True:
                    connection = await self._pool.getconn(timeout=wait)
                    try:
                        cursor = await connection.execute(statement.encode(), parameters)
                        return await cursor.fetchall() if cursor.description else []
                    except psycopg.OperationalError:
                        if not connection.closed:
                            raise
                    finally:
                        await self._pool.putconn(connection)
        except (TimeoutError, PoolTimeout):
            raise DatabaseUnavailableError("nobody can say who may come in: the database does not answer") from None
        except psycopg.Error as error:
            raise trouble(error, self._settings.database_url) or error from None


def _judged(shown: Credential, rows: list[dict[str, Any]], what: str) -> Caller | Refused:
    row = rows[0] if rows else None
    if not matches(shown, row["hash"] if row else None) or row is None:
        return Refused(f"this {what} is not known here", "unknown")
    if row["revoked_at"] is not None:
        return Refused(f"this {what} was revoked", "revoked")
    if row["expired"]:
        return Refused(f"this {what} expired at {row['expires_at'].isoformat(timespec='seconds')}", "expired")
    return Caller(row["token_id"], row["role"], row["user_email"], row["name"], row["expires_at"], row["session_id"])
