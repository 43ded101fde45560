"""What the keeper does for the timeline when it has nothing else to do, a piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.timeline.build import build_days
from prelude_store.timeline.follow import follow

if TYPE_CHECKING:
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["tend"]

# A day that goes on changing is made anew every ten seconds, or so seldom that making it takes a twentieth of the time.
_DUE: Final = """
SELECT day FROM public.timeline_days
WHERE dirty AND (built_at IS NULL OR built_at < now() - greatest(interval '10 seconds', built_ms * interval '20 milliseconds'))
ORDER BY day DESC
"""


def tend(connection: Connection) -> bool:
    """Learn what has changed, and make one day anew that is due.

    Args:
        connection: of a member of ``prelude_keeper``, in autocommit mode.

    Returns:
        Whether there is more to do at once.
    """
    if follow(connection):
        return True
    due: list[date] = [day for (day,) in connection.execute(_DUE).fetchall()]
    build_days(connection, due[:1])
    return len(due) > 1
