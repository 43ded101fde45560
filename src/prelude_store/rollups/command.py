"""`prelude store rollup`: the counts and sessions that analytics reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import click

from prelude_store import logs, migrations
from prelude_store.connection import connect
from prelude_store.rollups import verify as verifying
from prelude_store.rollups.derived import rebuild_all
from prelude_store.rollups.keeper import INTERVAL, Keeper, connected
from prelude_store.rollups.state import SESSION_GAP, state
from prelude_store.settings import database_url as find_database_url
from prelude_store.signalled import until_signalled
from prelude_store.terminal import plain_errors, progress_bar

__all__ = ["rollup"]

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines.")
_SHOWN: Final = 20
_MINUTES_A_DAY: Final = 1440


@click.group()
def rollup() -> None:
    """Counts, latencies and sessions that analytics reads, kept in the order of commits.

    `prelude analytics` keeps them by itself. All but status need a login in prelude_keeper.
    """


@rollup.command()
@_url
@click.option(
    "--session-gap", envvar=SESSION_GAP, type=click.IntRange(1, _MINUTES_A_DAY), metavar="MINUTES",
    help="Rows without session id that are so far apart are of two sessions. Otherwise as it is in the database, at first 30."
    " Another one builds the sessions anew.",
)  # fmt: skip
@click.option(
    "--interval", type=click.FloatRange(0.05, 3600), default=INTERVAL, show_default=True, metavar="SECONDS",
    help="Between passes.",
)  # fmt: skip
@logs.options
def run(database_url: str | None, session_gap: int | None, interval: float, log_format: str, log_level: str) -> None:
    """Keep them, until SIGTERM or Ctrl-C. Where somebody keeps them already, stand by."""
    logs.set_up(log_format, log_level)
    conninfo = find_database_url(database_url)
    with connected(conninfo):
        pass  # what is wrong is said at once; later it is waited for
    gap = None if session_gap is None else timedelta(minutes=session_gap)
    with until_signalled() as stop:
        Keeper(conninfo, session_gap=gap, interval=interval).run(stop)


@rollup.command()
@_url
@_json
def status(database_url: str | None, as_json: bool) -> None:
    """How far they are: the watermark, and what is not counted yet."""
    with (
        plain_errors(database_url, "prelude_keeper"),
        connect(find_database_url(database_url), "prelude-status") as connection,
    ):
        migrations.check(connection)
        now = state(connection)
    if as_json:
        gap = int(now.session_gap.total_seconds() // 60)
        found = {"as_of": now.as_of, "behind": now.behind, "days_to_build": now.to_build, "session_gap_minutes": gap}
        click.echo(json.dumps(found | {"cursors": now.cursors}, default=lambda at: at.isoformat()))
        return
    click.echo(f"{'counted up to':<28} {now.as_of or 'nothing yet'}")
    click.echo(f"{'committed and not counted':<28} {now.behind:,}")
    click.echo(f"{'days to build anew':<28} {now.to_build:,}")
    click.echo(f"{'gap of sessions':<28} {now.session_gap.total_seconds() / 60:g} minutes")


@rollup.command()
@_url
@_json
def verify(database_url: str | None, as_json: bool) -> None:
    """Count raw rows anew and compare with rollups, sessions and timeline; name what differs. Exit code 1 when something does.

    Takes about as long as a rebuild, and changes nothing. `prelude store rollup rebuild --anew` mends what it finds.
    """
    with plain_errors(database_url, "prelude_keeper"), progress_bar("comparing") as bar:
        found = verifying.verify(find_database_url(database_url), bar)
    if as_json:
        click.echo(
            json.dumps(found._asdict() | {"differences": [one._asdict() for one in found.differences]}, default=str)
        )
    else:
        click.echo(f"{found.rows:,} rows of {found.days} days compared, as of {found.as_of}.")
        for one in found.differences[:_SHOWN]:
            click.echo(f"  {one.table}: {'kept, and not so' if one.side == 'kept' else 'so, and not kept'}: {one.row}")
        further = len(found.differences) - _SHOWN
        if further > 0:
            click.echo(f"  and {further} more")
        click.echo(
            "Something differs: prelude store rollup rebuild --anew" if found.differences else "All is as raw rows say."
        )
    if found.differences:
        sys.exit(1)


@rollup.command()
@_url
@click.option("--anew", is_flag=True, help="Begin again, even where an interrupted one could be gone on with.")
def rebuild(database_url: str | None, anew: bool) -> None:
    """Build rollups, sessions and timeline anew from raw rows, beside a keeper or without one.

    Safe to interrupt: run again, it goes on, and so does a keeper. The watermark stands meanwhile; sessions are complete at its end.
    """
    with plain_errors(database_url, "prelude_keeper"), progress_bar("building") as bar:
        days = rebuild_all(find_database_url(database_url), bar, anew=anew)
    click.echo(f"{days // 2} days built.")
