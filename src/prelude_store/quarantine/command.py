"""`prelude store quarantine`: look at what could not become a row, try it again, or let it go."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import psycopg

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import Connection, connect, said
from prelude_store.quarantine.entries import Selection, State, counts, entries, stored
from prelude_store.quarantine.purge import purge as purge_entries
from prelude_store.quarantine.reader import UnreadableError, reader_of
from prelude_store.quarantine.replay import replay as replay_entries
from prelude_store.rights import may_write
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target
from prelude_store.times import AGE, MOMENT
from prelude_store.writer import Writer

__all__ = ["quarantine"]

_DETAIL: Final = 90
NEVER_BY_ALL: Final = ("service_not_allowed", "request_too_large")
"""Reasons that ``--all`` passes over: the one is for somebody to look at first, the other no record but a note of one."""

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines.")
_reason: Options = click.option("--reason", metavar="REASON", help="Only entries with this reason.")
_since: Options = click.option(
    "--since", type=MOMENT, help="Only what came since then: an age (2h, 7d) or a time (2026-01-31T12:00)."
)
_dry_run: Options = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group()
def quarantine() -> None:
    """Records that could not become rows.

    To look and to purge takes a login in prelude_governor; to replay, one in prelude_governor and prelude_writer.
    """


@quarantine.command(name="list")
@_url
@_reason
@_since
@click.option("--signal", type=click.Choice(["logs", "traces", "row"]), help="Only what came this way.")
@click.option(
    "--state", type=click.Choice(["waiting", "replayed", "all"]), default="waiting", show_default=True,
    help="Not replayed yet, replayed, or both.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many at most.")
@click.option("--before", type=int, metavar="ID", help="Only older ones than this entry: the next page.")
@_json
def list_(
    database_url: str | None, reason: str | None, since: datetime | None, signal: str | None, state: State,
    limit: int, before: int | None, as_json: bool,
) -> None:  # fmt: skip
    """How many entries there are, by reason, and the newest of them."""
    selection = Selection(reason=reason, since=since, signal=signal, state=state)
    with _governor(database_url) as connection:
        by_reason = counts(connection, selection)
        found = entries(connection, selection, limit=limit, before=before)
    further = found[-1].id if len(found) == limit else None
    if as_json:
        items = [entry._asdict() for entry in found]
        click.echo(json.dumps({"counts": by_reason, "items": items, "next_before": further}, default=_as_text))
        return
    for name, count in sorted(by_reason.items(), key=lambda item: -item[1]):
        click.echo(f"{count:>9,}  {name}")
    click.echo(f"{sum(by_reason.values()):>9,}  in all" + ("\n" if found else ""))
    for entry in found:
        detail = entry.detail if len(entry.detail) <= _DETAIL else f"{entry.detail[:_DETAIL]}…"
        done = "  (replayed)" if entry.replayed_at else ""
        line = (
            f"{entry.id:>9}  {entry.received_at:%Y-%m-%d %H:%M:%S}  {entry.signal:<6}  {entry.reason}: {detail}{done}"
        )
        click.echo(_printable(line))
    if further is not None:
        click.echo(f"\nOlder ones: --before {further}")


@quarantine.command()
@_url
@click.argument("number", metavar="ID", type=int)
@click.option("--raw", is_flag=True, help="Write the bytes as they came, and nothing else.")
@_json
def show(database_url: str | None, number: int, raw: bool, as_json: bool) -> None:
    """One entry as a whole, its record decoded."""
    with _governor(database_url) as connection:
        entry = stored(connection, number)
    if raw:
        sys.stdout.buffer.write(entry.payload)
        sys.stdout.buffer.flush()
        return
    try:
        record = reader_of().readable(entry.signal, entry.payload)
    except UnreadableError as error:
        record = f"can't be read: {error}. It begins with {entry.payload[:100]!r}"
    fields = entry._asdict() | {"payload": record, "size": len(entry.payload)}
    if as_json:
        click.echo(json.dumps(fields, default=_as_text))
        return
    for name in ("id", "received_at", "signal", "reason", "detail", "size", "replayed_at"):
        click.echo(_printable(f"{name:<12} {fields[name] if fields[name] is not None else '-'}"))
    click.echo(json.dumps(record, indent=2, default=_as_text))


@quarantine.command()
@_url
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1)
@_reason
@_since
@click.option("--all", "all_of_them", is_flag=True, help=f"All that wait, but for {', '.join(NEVER_BY_ALL)}.")
@click.option("--limit", type=click.IntRange(1), help="So many at most, oldest first.")
@click.option(
    "--catalogue", "catalogues", envvar="PRELUDE_CATALOGUE", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A catalogue file of a service, as the exporter is given. May be repeated.",
)  # fmt: skip
@click.option("--accept-past-days", envvar="PRELUDE_ACCEPT_PAST_DAYS", type=click.IntRange(1), default=3653,
              show_default=True, help="Older activities stay.")  # fmt: skip
@click.option("--accept-future-hours", envvar="PRELUDE_ACCEPT_FUTURE_HOURS", type=click.IntRange(0), default=24,
              show_default=True, help="Activities further ahead stay.")  # fmt: skip
@_dry_run
@_json
def replay(
    database_url: str | None, numbers: tuple[int, ...], reason: str | None, since: datetime | None, all_of_them: bool,
    limit: int | None, catalogues: tuple[Path, ...], accept_past_days: int, accept_future_hours: int, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Try entries again, after what was wrong is mended: a newer version, a catalogue, a setting.

    Each goes the way of any record, through the decoder and the writer, and becomes exactly its row. What fails again stays, with
    the reason of today. Safe to repeat, and to run twice at once.
    """
    if not numbers and reason is None and not all_of_them:
        raise click.UsageError("say which: one ID or several, --reason, or --all")
    chosen = Selection(
        ids=numbers, reason=reason, since=since, but_not=() if numbers or reason is not None else NEVER_BY_ALL
    )
    with _governor(database_url) as connection:
        _refuse_non_writer(connection)
        reader = reader_of(catalogues)
        total = min(sum(counts(connection, chosen).values()), limit or sys.maxsize)
        writer = Writer(
            find_database_url(database_url),
            accept_past=timedelta(days=accept_past_days),
            accept_future=timedelta(hours=accept_future_hours),
            application_name="prelude-replay",
        )
        try:
            with click.progressbar(length=total, label="replaying", file=sys.stderr) as bar:
                done = replay_entries(
                    connection, writer, reader, chosen, limit=limit, dry_run=dry_run, progress=bar.update
                )
        finally:
            writer.close()
    if as_json:
        stayed = dict(done.stayed)
        click.echo(
            json.dumps(
                {
                    "rows": done.rows,
                    "known": done.known,
                    "stayed": stayed,
                    "unreadable": done.unreadable,
                    "erased": done.erased,
                }
            )
        )
        return
    click.echo(f"{done.rows:>9,}  {'would become rows' if dry_run else 'became rows'}")
    if done.known:
        click.echo(f"{done.known:>9,}  were rows already")
    if done.erased:
        click.echo(f"{done.erased:>9,}  are of people who were erased, and stay out")
    for name, count in done.stayed.most_common():
        click.echo(f"{count:>9,}  stay: {name}")
    if done.unreadable:
        click.echo(f"{done.unreadable:>9,}  stay: their bytes are no record of an activity")


@quarantine.command()
@_url
@_reason
@click.option("--older-than", type=AGE, help="Only what came longer ago: 90d, 12h.")
@click.option("--replayed", is_flag=True, help="Only what was replayed.")
@click.option("--yes", is_flag=True, help="Do not ask whether records that never became rows may go.")
@_dry_run
@_json
def purge(
    database_url: str | None, reason: str | None, older_than: timedelta | None, replayed: bool, yes: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Delete entries for good; says how many."""
    if reason is None and older_than is None and not replayed:
        raise click.UsageError("say which: --reason, --older-than, --replayed, or several of them")
    until = None if older_than is None else datetime.now().astimezone() - older_than
    selection = Selection(reason=reason, until=until, state="replayed" if replayed else "all")
    with _governor(database_url) as connection:
        by_reason = counts(connection, selection)
        total = sum(by_reason.values())
        if total and not (dry_run or replayed or yes):
            click.confirm(
                f"{total:,} entries go for good, also such as never became rows. Go on?", abort=True, err=True
            )
        gone = total
        if not dry_run:
            with click.progressbar(length=total, label="purging", file=sys.stderr) as bar:
                gone = purge_entries(connection, selection, bar.update)
    if as_json:
        click.echo(json.dumps({"purged": 0 if dry_run else gone, "matching": total, "counts": by_reason}))
    else:
        click.echo(f"{gone:,} {'would be' if dry_run else 'are'} gone.")


@contextmanager
def _governor(flag: str | None) -> Iterator[Connection]:
    """A connection of one who may see the quarantine; what the database says becomes an error of ours."""
    conninfo = find_database_url(flag)
    with connect(conninfo, "prelude-quarantine") as connection:
        try:
            migrations.check(connection)
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreError(
                f"this login of {target(conninfo)} may not do that with the quarantine: GRANT prelude_governor TO it"
                f" ({said(error)})"
            ) from None
        except psycopg.OperationalError as error:
            raise StoreUnavailableError(f"lost {target(conninfo)}: {said(error)}") from None


def _refuse_non_writer(connection: Connection) -> None:
    if not may_write(connection):
        raise StoreError(
            "a replay writes rows, and this login may not: GRANT prelude_writer TO it, beside prelude_governor"
        )


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in line)
