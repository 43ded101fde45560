"""What answers are made of, built from a log that was just filled: rollups and sessions, the timeline, statistics; side by side."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import click

from prelude_store.connection import connect
from prelude_store.rollups.derived import rebuild_all

__all__ = ["build"]

_TIDY: Final = "VACUUM (ANALYZE) public.user_activity_logs"


def build(conninfo: str) -> None:
    """Build them, with a bar.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``; tables are tidied up where it owns them.

    Raises:
        StoreUnavailableError: the database was lost.
        StoreError: the login lacks rights.
    """
    with (
        click.progressbar(
            length=1, label="building rollups, sessions, timeline", file=sys.stderr, show_pos=True
        ) as bar,
        connect(conninfo, "prelude-demo-seed", client_min_messages="error") as tidying,
        ThreadPoolExecutor(1) as pool,
    ):

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        beside = pool.submit(tidying.execute, _TIDY)
        try:
            rebuild_all(conninfo, show)
        except BaseException:
            tidying.cancel()
            raise
        beside.result()
