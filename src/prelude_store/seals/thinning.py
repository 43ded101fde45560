"""Checkpoints that are thinned out: of one a second, a year would keep thirty million."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["thin"]

# The last of an hour stays, and whatever a witness has signed, too.
_THIN: Final = """
DELETE FROM public.seal_checkpoints AS old WHERE signed_at < now() - interval '1 day'
    AND cardinality(string_to_array(note, E'\\n\\u2014 ')) <= 2
    AND EXISTS (
        SELECT FROM public.seal_checkpoints AS later
        WHERE later.size > old.size AND later.signed_at >= old.signed_at AND later.signed_at < date_trunc('hour', old.signed_at) + interval '1 hour'
    )
"""


def thin(connection: Connection) -> int:
    """Delete checkpoints of before yesterday, but for the last of each hour and those with a witness; gives how many."""
    with connection.transaction():
        return connection.execute(_THIN.encode()).rowcount
