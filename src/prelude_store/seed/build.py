"""What answers are made of, built from a log that was just filled: rollups and sessions, the timeline, statistics."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from prelude_store.connection import connect
from prelude_store.rollups.rebuild import rebuild
from prelude_store.timeline.build import build_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["build"]

_TIDY: Final = "VACUUM (ANALYZE) public.user_activity_logs"


def build(conninfo: str) -> None:
    """Build them, with a bar for each.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``; tables are tidied up where it owns them.

    Raises:
        StoreUnavailableError: the database was lost.
        StoreError: the login lacks rights.
    """
    with _bar("building rollups, sessions") as progress:
        rebuild(conninfo, progress)
    with _bar("building the timeline") as progress:
        build_all(conninfo, progress)
    with connect(conninfo, "prelude-demo-seed", client_min_messages="error") as connection:
        connection.execute(_TIDY)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, and what tells it how many are done, and how many there are."""
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress
        bar.update((bar.length or 1) - bar.pos)
