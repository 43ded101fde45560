"""Entries that nobody needs any more go, in portions, so that no lock is held for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from prelude_store.connection import Connection
    from prelude_store.quarantine.entries import Selection

from prelude_store.quarantine.entries import sizes

__all__ = ["purge"]

_PORTION: Final = 2_000


def purge(connection: Connection, selection: Selection, progress: Callable[[int], None] = lambda _count: None) -> int:
    """Delete `selection`; gives how many there were.

    Args:
        connection: in autocommit mode.
        progress: told how many went in each portion.
    """
    gone = after = 0
    while portion := sizes(connection, selection, after=after, limit=_PORTION):
        after = portion[-1][0]
        count = connection.execute(
            "DELETE FROM public.activity_quarantine WHERE id = ANY (%s)", [[number for number, _ in portion]]
        ).rowcount
        gone += count
        progress(count)
    return gone
