"""Tokens made, listed and taken back: what `prelude token` does, by a login that may."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import class_row

from prelude_analytics.access.tokens import make
from prelude_otel.contract.email import normalise_email
from prelude_otel.errors import ConfigurationError, StoreError
from prelude_store.connection import said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_analytics.access.roles import Role
    from prelude_store.connection import Connection

__all__ = ["Issued", "Token", "create", "revoke", "tokens"]

_CREATE: Final = """
INSERT INTO public.analytics_tokens (id, token_hash, role, user_email, name, expires_at)
VALUES (%(id)s, %(hash)s, %(role)s, %(user)s, %(name)s, now() + %(valid_for)s::interval)
RETURNING expires_at
"""
_LIST: Final = """
SELECT id, role, user_email AS user, name, created_at, expires_at, revoked_at, last_used_at,
    CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'valid' END AS state
FROM public.analytics_tokens ORDER BY created_at, id
"""
_REVOKE: Final = """
UPDATE public.analytics_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was just made; the only time that it is seen."""

    id: str
    token: str = field(repr=False)
    role: Role
    user: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token."""

    id: str
    role: Role
    user: str | None
    name: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    state: str

    def as_json(self) -> dict[str, Any]:
        """For machines; times in RFC 3339."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


def create(
    connection: Connection,
    role: Role,
    *,
    user: str | None = None,
    valid_for: timedelta | None = None,
    name: str | None = None,
) -> Issued:
    """Make a token.

    Args:
        connection: of a login in ``prelude_governor``, or one that owns the database.
        role: what it opens.
        user: whose it is, an address; needed for ``self``.
        valid_for: from now on; None: until it is revoked.
        name: to know it by.

    Raises:
        ConfigurationError: ``self`` without a user.
        StoreError: this login may not.
    """
    owner = normalise_email(user) if user else None
    if role == "self" and owner is None:
        raise ConfigurationError(
            "a token with the role self opens one person's own activities: say whose, --user EMAIL"
        )
    made = make()
    parameters = {
        "id": made.id,
        "hash": made.digest,
        "role": role,
        "user": owner,
        "name": name,
        "valid_for": valid_for,
    }
    with _allowed():
        row = connection.execute(_CREATE, parameters).fetchone()
    return Issued(made.id, made.secret, role, owner, row[0] if row else None)


def tokens(connection: Connection) -> list[Token]:
    """All tokens that were ever made, oldest first.

    Raises:
        StoreError: this login may not.
    """
    with _allowed(), connection.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(_LIST).fetchall()


def revoke(connection: Connection, token_id: str) -> bool:
    """Take a token back, with all sessions that began with it; False where there is none of this id.

    Raises:
        StoreError: this login may not.
    """
    with _allowed():
        return connection.execute(_REVOKE, {"id": token_id}).fetchone() is not None


@contextmanager
def _allowed() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(f"this login may not care for tokens: GRANT prelude_governor TO it ({said(error)})") from None
    except psycopg.errors.UndefinedTable as error:
        raise StoreError(f"this database has no tokens yet; run: prelude store migrate ({said(error)})") from None
