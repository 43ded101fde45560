"""Entries that nobody needs any more go, in portions, so that no lock is held for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.quarantine.entries import sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from prelude_store.connection import Connection
    from prelude_store.quarantine.entries import Selection

__all__ = ["expire", "purge"]

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


def expire(connection: Connection, keep: timedelta) -> int:
    """Delete what came longer than `keep` ago (7 days at least), with the rights of a writer; gives how many there were."""
    gone = 0
    while True:
        row = connection.execute("SELECT public.prelude_expire_quarantine(%s, %s)", [keep, _PORTION]).fetchone()
        count = int(row[0]) if row else 0
        gone += count
        if count < _PORTION:
            return gone
