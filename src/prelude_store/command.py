"""`prelude store`: the care of the database."""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import psycopg

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import logs, migrations, serve
from prelude_store import sweep as sweeping
from prelude_store import tail as tailing
from prelude_store.audit.command import audit
from prelude_store.connection import connect, said
from prelude_store.dossier.command import export
from prelude_store.erasure.command import erase, rename
from prelude_store.governance.four_eyes_command import four_eyes
from prelude_store.governance.hold_command import hold
from prelude_store.processing.command import record_of_processing
from prelude_store.quarantine.command import quarantine
from prelude_store.retention.command import retain
from prelude_store.rollups.command import rollup
from prelude_store.seals.command import prove, seal, verify
from prelude_store.settings import database_url, target
from prelude_store.signalled import until_signalled
from prelude_store.status import status as figures
from prelude_store.times import AGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["command"]

_LABELS: Final = {
    "database": "database",
    "server_version": "PostgreSQL",
    "database_bytes": "size on disk",
    "schema_version": "schema version",
    "rows": "rows",
    "newest_row": "newest row",
    "partitions": "weekly partitions",
    "newest_partition": "newest partition",
    "rows_waiting_for_span": "rows waiting for their span",
    "amendments": "durations completed later",
    "quarantined": "in quarantine",
    "repeated_ids": "ids at two times",
    "lanes": "lanes",
}

_NEWEST: Final = 20
"""Pairs that a sweep shows."""

_url_option: Callable[[Any], Any] = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group(name="store")
def command() -> None:
    """The database's care: its schema, its state, and what lands in it."""


@command.command()
@_url_option
def migrate(database_url: str | None) -> None:
    """Bring the schema up to this program.

    Safe to run at any time and from several places at once. The first run needs a login that may create roles and owns the
    database; it makes the roles prelude_owner, prelude_writer, prelude_reader, prelude_keeper, prelude_governor, prelude_sealer and
    prelude_partitions, which have no login. Give yours the rights that it needs, e.g. GRANT prelude_writer TO exporter.
    """
    applied = migrations.migrate(_url(database_url), lambda name: click.echo(f"applying {name}"))
    click.echo(f"{len(applied)} applied." if applied else "The schema is up to date.")


@command.command()
@_url_option
@_json_option
def status(database_url: str | None, as_json: bool) -> None:
    """Rows, partitions, quarantine, and what waits for its span."""
    with connect(_url(database_url), "prelude-status") as connection:
        found = figures(connection)
    if as_json:
        click.echo(json.dumps(found, default=str))
        return
    for name, label in _LABELS.items():
        value = (
            "may not be seen by this login" if found[name] is None and name != "newest_row" else _readable(name, found)
        )
        click.echo(f"{label:<28} {value}")


@command.command()
@_url_option
@click.option("--newer-than", type=AGE, help="Pass over rows of actions that are older already, such as 15m.")
@_json_option
def tail(database_url: str | None, newer_than: timedelta | None, as_json: bool) -> None:
    """Print rows as they are committed, from now on, and durations that become known later. Ctrl-C ends it."""
    conninfo = _url(database_url)
    try:
        with connect(conninfo, "prelude-tail", **tailing.SESSION) as connection:
            migrations.check(connection)
            click.echo(f"Waiting for rows in {target(conninfo)}. Ctrl-C ends this.", err=True)
            earliest = None if newer_than is None else datetime.now(UTC) - newer_than
            with until_signalled(signal.SIGINT, once=True) as stop:
                for change in _changes(connection, earliest, stop):
                    click.echo(_as_json(change) if as_json else _as_line(change))
    except psycopg.Error as error:
        raise StoreUnavailableError(f"lost {target(conninfo)}: {said(error)}") from None
    except KeyboardInterrupt:
        return


@command.command()
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds all that it keeps; made when it is not there.",
)
@logs.options
def embedded(data_dir: Path, log_format: str, log_level: str) -> None:
    """Run a PostgreSQL of our own in the foreground, with the schema in it, until SIGTERM or Ctrl-C.

    Prints one line of JSON when it is ready: url (superuser), writer_url (for the exporter), analytics_url, care_url
    (for analytics) and reader_url (for whoever asks by SQL). It
    listens on a socket in DIR, on no network port. Needs the extra "embedded".
    """
    logs.set_up(log_format, log_level)
    serve.run(data_dir, lambda urls: click.echo(json.dumps(urls)))


@command.command()
@_url_option
@_json_option
def sweep(database_url: str | None, as_json: bool) -> None:
    """Look for ids that stand in the log at two times, in what came since the last sweep.

    The exporter does the same every ten minutes. Needs a login in prelude_writer.
    """
    rows, found, places = 0, 0, 1
    with connect(_url(database_url), "prelude-sweep") as connection:
        migrations.check(connection)
        try:
            with click.progressbar(length=sweeping.behind(connection), label="sweeping", file=sys.stderr) as bar:
                while places:
                    swept = sweeping.sweep(connection)
                    if swept.busy:
                        raise StoreError("somebody else is sweeping, perhaps an exporter; try again in a minute")
                    rows, found, places = rows + swept.rows, found + len(swept.found), swept.places
                    bar.update(places)
            newest = sweeping.repeated(connection, _NEWEST)
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreError(f"this login may not sweep: GRANT prelude_writer TO it ({said(error)})") from None
    if as_json:
        pairs = [pair._asdict() for pair in newest]
        click.echo(json.dumps({"rows": rows, "found": found, "newest": pairs}, default=lambda at: at.isoformat()))
        return
    click.echo(f"{rows:,} rows looked at, {found:,} ids found that were in the log at another time already.")
    if newest:
        click.echo("\nNewest of all in repeated_event_ids:")
    for pair in newest:
        click.echo(
            f"  {pair.event_id}  at {pair.timestamp:%Y-%m-%d %H:%M:%S.%f} and {pair.other_timestamp:%Y-%m-%d %H:%M:%S.%f}"
        )


command.add_command(audit)
command.add_command(record_of_processing)
command.add_command(quarantine)
command.add_command(rollup)
command.add_command(retain)
command.add_command(hold)
command.add_command(four_eyes)
command.add_command(seal)
command.add_command(verify)
command.add_command(prove)
command.add_command(export)
command.add_command(erase)
command.add_command(rename)


def _url(flag: str | None) -> str:
    return database_url(flag)


def _changes(
    connection: psycopg.Connection[tuple[Any, ...]], earliest: datetime | None, stop: threading.Event
) -> Iterator[tailing.Change]:
    cursor = tailing.cursor_now(connection)
    while not stop.is_set():
        changes, cursor = tailing.poll(connection, cursor, earliest)
        yield from changes
        if not changes:
            stop.wait(tailing.POLL_SECONDS)


def _as_json(change: tailing.Change) -> str:
    values = {"kind": change.kind, "lane": change.lane, "lane_seq": change.lane_seq} | change.values
    return json.dumps(values, default=lambda value: value.isoformat())


def _as_line(change: tailing.Change) -> str:
    row = change.values
    at = row["timestamp"].astimezone().strftime("%H:%M:%S.%f")[:-3]
    if change.kind == "amendment":
        return f"{at}  duration of {row['event_id']} is {row['duration_ms']} ms"
    length = f"{row['duration_ms']} ms" if row["duration_ms"] is not None else "-"
    action, entity = (
        f"{row['action_type']}.{row['action_name']}",
        f"{row['entity_type'] or ''} {row['entity_id'] or ''}".strip(),
    )
    line = f"{at}  {row['result_status']:<8}{action:<34}{length:>9}  {row['user_email'] or '-':<28} {entity}".rstrip()
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def _readable(name: str, found: dict[str, Any]) -> str:
    value = found[name]
    if name == "database_bytes":
        return f"{value / 1_000_000:,.1f} MB"
    if name == "rows":
        return f"{value:,}" if found["rows_exact"] else f"about {value:,}"
    return "none yet" if value is None else str(value)
