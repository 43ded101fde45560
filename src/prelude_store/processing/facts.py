"""What the database knows about its own processing. What a login may not see is None, and said to be unknown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

from prelude_store.governance.four_eyes import asked_for
from prelude_store.governance.holds import holds
from prelude_store.retention.policies import policies
from prelude_store.retention.policy import Policy

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["Facts", "Recorded", "gather"]

_ROLES: Final = "owner", "writer", "reader", "keeper", "access", "governor", "sealer"
_RECORDED: Final = """
SELECT action_type, action_name, array_agg(DISTINCT service_name ORDER BY service_name), sum(count)::bigint, min(bucket), max(bucket)
FROM public.activity_rollups WHERE grain = 1440 GROUP BY 1, 2 ORDER BY 1, 2
"""
_LOGINS: Final = """
SELECT login.rolname, login.rolsuper, array_agg(ours.rolname ORDER BY ours.rolname) FILTER (WHERE ours.rolname IS NOT NULL)
FROM pg_roles AS login LEFT JOIN pg_roles AS ours
    ON ours.rolname = ANY (%s) AND NOT login.rolsuper AND pg_has_role(login.oid, ours.oid, 'MEMBER')
WHERE login.rolcanlogin AND (login.rolsuper OR has_database_privilege(login.oid, current_database(), 'CONNECT'))
GROUP BY 1, 2 HAVING login.rolsuper OR count(ours.rolname) > 0 ORDER BY 2, 1
"""
_TOKENS: Final = """
SELECT role, count(*) FROM public.analytics_tokens
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) GROUP BY 1 ORDER BY 1
"""
_SEALS: Final = "SELECT origin, size, (SELECT max(signed_at) FROM public.seal_checkpoints) FROM public.seal_state"
_SERVER: Final = """
SELECT current_setting('server_version'), current_setting('ssl'), current_setting('password_encryption'),
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
"""
_ACTS: Final = "SELECT kind, count(*), max(at) FROM public.governance_acts GROUP BY 1 ORDER BY 1"
_EXTENT: Final = """
SELECT (SELECT min("timestamp") FROM public.user_activity_logs), (SELECT max("timestamp") FROM public.user_activity_logs)
"""


class Recorded(NamedTuple):
    """An activity of which the log has, or had, rows; by the rollups."""

    action_type: str
    action_name: str
    services: list[str]
    rows: int
    first: datetime
    last: datetime


class Facts(NamedTuple):
    """What is found.

    Args:
        extent: times of the oldest and the newest row; None where there is none.
        logins: name, whether a superuser, and the roles of ours that it is in.
        tokens: how many are valid, by role.
        seals: name of the log, leaves, time of the newest checkpoint.
        server: version, whether TLS is on, how passwords are kept, whether this connection has TLS.
        acts: kind, how many, the last.
        four_eyes: whether a second one must consent.
    """

    extent: tuple[datetime | None, datetime | None]
    recorded: list[Recorded] | None
    policies: list[Policy] | None
    holds: int | None
    logins: list[tuple[str, bool, list[str] | None]] | None
    tokens: list[tuple[str, int]] | None
    seals: tuple[str | None, int, datetime | None] | None
    server: tuple[str, str, str, bool] | None
    acts: list[tuple[str, int, datetime]] | None
    four_eyes: bool | None


def gather(connection: Connection) -> Facts:
    """Ask for all of it; for members of ``prelude_reader``, who do not see tokens, or of ``prelude_governor``."""

    def ask(question: str, *parameters: Any) -> list[Any] | None:
        found: list[Any] | None = _allowed(lambda: connection.execute(question.encode(), parameters or None).fetchall())
        return found

    recorded = ask(_RECORDED)
    seals, server, extent = ask(_SEALS), ask(_SERVER), ask(_EXTENT)
    standing = _allowed(lambda: holds(connection))
    return Facts(
        extent=extent[0] if extent else (None, None),
        recorded=None if recorded is None else [Recorded(*line) for line in recorded],
        policies=_allowed(lambda: policies(connection)),
        holds=None if standing is None else len(standing),
        logins=ask(_LOGINS, [f"prelude_{role}" for role in _ROLES]),
        tokens=ask(_TOKENS),
        seals=seals[0] if seals else None,
        server=server[0] if server else None,
        acts=ask(_ACTS),
        four_eyes=_allowed(lambda: asked_for(connection)),
    )


def _allowed(look: Any) -> Any:
    try:
        return look()
    except psycopg.errors.InsufficientPrivilege:
        return None
