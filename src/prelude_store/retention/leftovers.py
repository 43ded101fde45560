"""What no row points to any more, when rows have gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.retention.policy import ROWS
from prelude_store.timeline.follow import LOCK as TIMELINE_LOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.retention.policy import Policy

__all__ = ["clear_leftovers"]

_PORTION: Final = 500
_PROBES: Final = "DELETE FROM public.activity_probes WHERE landed_at < %s"
_PEOPLE: Final = "SELECT id FROM public.timeline_users WHERE id > %s ORDER BY id LIMIT %s"
# A user who comes again gets another number; days of the timeline that know the old one went with the rows.
_NOBODY: Final = """
DELETE FROM public.timeline_users AS known WHERE id = ANY (%s)
    AND NOT EXISTS (SELECT FROM public.user_activity_logs AS log WHERE log.user_email = known.user_email)
"""


def clear_leftovers(connection: Connection, policies: Sequence[Policy], now: datetime, *, people: bool) -> None:
    """Forget the probes of `prelude doctor` that are as old as rows may be, and names of the timeline that nobody has any more.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode.
        people: whether any row went.
    """
    for policy in policies:
        until = policy.cutoff(now)
        if policy.scope == (None, None, ROWS) and until is not None:
            connection.execute(_PROBES, [until])
    behind = 0 if people else None
    while behind is not None:
        ids = [number for (number,) in connection.execute(_PEOPLE, [behind, _PORTION])]
        if ids:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [TIMELINE_LOCK])
                connection.execute(_NOBODY, [ids])
        behind = ids[-1] if len(ids) == _PORTION else None
