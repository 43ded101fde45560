"""`prelude demo`: made-up rows to try things out with."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click
import psycopg

from prelude_otel.errors import ConfigurationError, StoreError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.seed.load import load
from prelude_store.seed.plan import past
from prelude_store.settings import database_url, target
from prelude_store.times import MOMENT

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["command"]

_MOST_JOBS: Final = 8
_JOBS_A_CORE: Final = 2
"""While one waits for its commit, another makes rows."""
_MOST_ROWS: Final = 1_000_000_000
_MOST_DAYS: Final = 3650


@click.group(name="demo")
def command() -> None:
    """Made-up rows, to try things out with."""


@command.command()
@click.option(
    "--rows", type=click.IntRange(1, _MOST_ROWS), default=200_000, show_default=True, help="How many activities."
)
@click.option(
    "--days", type=click.IntRange(1, _MOST_DAYS), default=30, show_default=True, help="How many days they spread over."
)
@click.option("--until", type=MOMENT, help="When they end: a time, or an age such as 7d. Otherwise now.")
@click.option(
    "--users", type=click.IntRange(1, 100_000), help="How many people. Otherwise as many as so many rows take."
)
@click.option("--seed", default="1", show_default=True, help="The dice: the same seed and end give the same rows.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=min(_JOBS_A_CORE * (os.cpu_count() or 1), _MOST_JOBS),
    help="Processes that make rows.",
)
@click.option(
    "--no-build", is_flag=True, help="Leave rollups, sessions and timeline to an analytics service that runs."
)
@click.option("--add", is_flag=True, help="Also where the log has rows already; otherwise that is refused.")
@click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def seed(
    *,
    rows: int,
    days: int,
    until: datetime | None,
    users: int | None,
    seed: str,
    jobs: int,
    no_build: bool,
    add: bool,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Write a believable past into the log.

    People in eight time zones with working hours, weekends and holidays; newcomers and leavers; sessions in which one thing leads to
    another; funnels that leak, slow pages, emails that are pending for a while, and two hours of trouble with the database.
    """
    begun = time.monotonic()
    conninfo = _url(database_url)
    end = until or datetime.now(UTC)
    if end > datetime.now(UTC) + timedelta(minutes=1):
        raise click.BadParameter(f"{end.isoformat()} is yet to come; a past ends now or before", param_hint="--until")
    made = past(rows, days, end, seed, users)
    with connect(conninfo, "prelude-demo-seed") as connection:
        migrations.check(connection)
        if not add:
            _refuse_others(connection, conninfo)
    new = 0
    with click.progressbar(length=rows, label="writing rows", file=sys.stderr, show_pos=True) as bar:
        for result in load(conninfo, made, jobs):
            new += result.inserted
            bar.update(result.inserted + result.duplicates)
    written = time.monotonic() - begun
    if not no_build:
        from prelude_store.seed.build import build

        build(conninfo)
    done = {
        "rows": new,
        "users": len(made.people),
        "from": _said(made.from_us),
        "until": _said(made.until_us),
        "incident": [_said(moment) for moment in made.incident],
        "seed": seed,
        "seconds": round(written, 1),
        "seconds_of_building": round(time.monotonic() - begun - written, 1),
        "rows_per_second": round(new / written),
    }
    if as_json:
        click.echo(json.dumps(done))
    else:
        click.echo(
            f"{new:,} rows of {len(made.people)} people from {done['from']} to {done['until']}, in {written:.0f} s."
        )


def _url(flag: str | None) -> str:
    return database_url(flag)


def _refuse_others(connection: Connection, conninfo: str) -> None:
    try:
        known = connection.execute("SELECT 1 FROM public.user_activity_logs LIMIT 1").fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(f"this login may not write the log: GRANT prelude_writer TO it ({said(error)})") from None
    if known is not None:
        raise ConfigurationError(
            f"the log in {target(conninfo)} has rows already, and made-up ones would stand among them. If that is meant: --add"
        )


def _said(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
