"""`prelude store erase` and `prelude store rename`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from prelude_otel.errors import StoreError
from prelude_store.catalogues import known
from prelude_store.connection import Connection
from prelude_store.erasure import receipts, scrub
from prelude_store.erasure.again import people_of
from prelude_store.erasure.aim import Aim
from prelude_store.erasure.carry_out import Work, Worked, governing, remember
from prelude_store.erasure.runs import Run
from prelude_store.governance.four_eyes import say_beside
from prelude_store.governance.people import person_key
from prelude_store.governance.receipts import keep
from prelude_store.mentions.person import person_of
from prelude_store.quarantine.reader import reader_of
from prelude_store.settings import database_url as find_database_url

__all__ = ["erase", "rename"]

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url", metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)  # fmt: skip
_catalogue: Options = click.option(
    "--catalogue", "catalogues", envvar="PRELUDE_CATALOGUE", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A catalogue file of a service, as the exporter is given: it says which fields are personal. May be repeated.",
)  # fmt: skip
_dry_run: Options = click.option("--dry-run", is_flag=True, help="Only say how much is held, and would be changed.")
_scrub: Options = click.option(
    "--scrub", "scrubbing", is_flag=True,
    help="Also rewrite the tables concerned and recycle the write-ahead log, so that the disk holds no trace. Needs a superuser.",
)  # fmt: skip
_reason: Options = click.option("--reason", metavar="TEXT", help="Why, for the record of acts. Name nobody in it.")
_receipt: Options = click.option(
    "--receipt", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.json",
    help="Where the receipt goes. Otherwise receipt-KIND-NUMBER.json here.",
)  # fmt: skip
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines: the receipt itself.")

_LABELS: Final = {
    "rows": "activities of the person",
    "mentions": "activities of others that name the person",
    "rows_removed": "of them gone as a whole",
    "held": "activities kept by a legal hold",
    "sessions": "sessions",
    "user_rollups": "counts by user",
    "customer_rollups": "counts by customer",
    "profiles": "profiles",
    "tokens": "tokens of the analytics service",
    "requests": "requests that are open",
    "quarantine": "records in quarantine",
}


@click.command()
@_url
@click.option(
    "--user",
    "email",
    metavar="EMAIL",
    help="Who is to be forgotten: an address, or an id where a service gives one instead.",
)
@click.option(
    "--replay", "replayed", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RECEIPT",
    help="Do the erasure of this receipt again, after a backup was restored. May be repeated.",
)  # fmt: skip
@_catalogue
@_dry_run
@_scrub
@_reason
@_receipt
@_json
def erase(
    database_url: str | None, email: str | None, replayed: tuple[Path, ...], catalogues: tuple[Path, ...], dry_run: bool,
    scrubbing: bool, reason: str | None, receipt: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Erase a person everywhere (GDPR, Article 17).

    What the person did stays, as activities of nobody; what others did stays without the person's name. Sessions, profile, tokens and
    records in quarantine go. What is still on its way comes too late. Interrupted, the same command goes on. Needs a login in
    prelude_governor.
    """
    if (email is None) == (not replayed):
        raise click.UsageError("say whom: --user EMAIL, or --replay RECEIPT")
    conninfo = find_database_url(database_url)
    aim = None if email is None else Aim(person_of(email), catalogue=known(catalogues))
    with governing(conninfo, "prelude-erase") as connection:
        if scrubbing:
            scrub.refuse_without_rights(connection)
        if aim is not None:
            _one(connection, aim, catalogues, dry_run, scrubbing, reason, receipt, as_json)
            return
        _replay(connection, [receipts.read(file) for file in replayed], catalogues, dry_run, scrubbing, reason, as_json)


@click.command()
@_url
@click.option(
    "--user", "email", nargs=2, metavar="OLD NEW", required=True, help="The address, and the one that takes its place."
)
@_catalogue
@_dry_run
@_scrub
@_reason
@_receipt
@_json
def rename(
    database_url: str | None, email: tuple[str, str], catalogues: tuple[Path, ...], dry_run: bool, scrubbing: bool,
    reason: str | None, receipt: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Give a person another address everywhere.

    Rows, mentions, sessions, counts, profile, tokens and records in quarantine get the new one; where that has some already, they are
    joined. Interrupted, the same command goes on. Needs a login in prelude_governor.
    """
    old, new = (person_of(one) for one in email)
    if old.email == new.email:
        raise click.UsageError(f"{old.email} is the address already: in rows there is no other form of it")
    aim = Aim(old, new, known(catalogues))
    with governing(find_database_url(database_url), "prelude-rename") as connection:
        if scrubbing:
            scrub.refuse_without_rights(connection)
        _one(connection, aim, catalogues, dry_run, scrubbing, reason, receipt, as_json)


def _one(
    connection: Connection, aim: Aim, catalogues: Sequence[Path], dry_run: bool, scrubbing: bool, reason: str | None,
    receipt: Path | None, as_json: bool,
) -> None:  # fmt: skip
    if not dry_run:
        say_beside(connection)
    with _shown("erasing" if aim.new is None else "renaming") as progress:
        work = Work(connection, aim, reader_of(catalogues), actor=_login(connection), reason=reason, progress=progress)
        if dry_run:
            found = work.foresee()
        else:
            worked = work.carry_out()
            _scrub_behind(connection, work, worked, scrubbing, progress)
    if dry_run:
        if as_json:
            click.echo(json.dumps({"dry_run": True, "counts": found}))
        else:
            click.echo(f"Held on {aim.address.email}, and nothing changed:")
            _tell(found)
        return
    if worked.run is None:
        earlier = [run for run in Run.of_person(connection, work.person) if run.kind == "erase" and run.finished_at]
        before = f"; erased on {earlier[-1].finished_at:%Y-%m-%d}" if earlier else ""
        raise StoreError(
            f"nothing is held on {aim.address.email}{before}; nothing was changed, and that is recorded as act {worked.act_id}"
        )
    made = receipts.make(worked, person_key(connection), scrubbed=scrubbing)
    keep(connection, worked.run.kind, work.person, worked.act_id, made)
    file = receipt or Path(f"receipt-{worked.run.kind}-{worked.run.id}.json")
    _write(file, made)
    if as_json:
        click.echo(json.dumps(made))
        return
    if worked.resumed:
        click.echo(f"Gone on with what began on {worked.run.began_at:%Y-%m-%d %H:%M}.")
    _tell(worked.run.counts)
    for place in worked.left:
        click.echo(f"Left: {place}")
    if not scrubbing:
        click.echo("On the disk it lingers until the server has cleaned up: docs/personal-data.md, or --scrub.")
    how = (
        f"signed by {made['signature']['key']}" if made["signature"] else "not signed: PRELUDE_SEAL_KEY_FILE is not set"
    )
    click.echo(f"Receipt: {file} ({how}).")


def _replay(
    connection: Connection, found: list[receipts.Receipt], catalogues: Sequence[Path], dry_run: bool, scrubbing: bool,
    reason: str | None, as_json: bool,
) -> None:  # fmt: skip
    if not dry_run:
        say_beside(connection)
    with _shown("looking for people") as progress:
        people = people_of(connection, found, lambda done, of: progress("reading the log", done, of))
    done = []
    for receipt in found:
        email = people.get(receipt.person)
        if email is None or dry_run:
            done.append({"person": receipt.person.hex(), "held": email is not None, "erased": False})
            if not dry_run:
                _remember(connection, receipt)
            continue
        with _shown("erasing") as progress:
            aim = Aim(person_of(email), catalogue=known(catalogues))
            work = Work(
                connection, aim, reader_of(catalogues), actor=_login(connection), reason=reason, progress=progress
            )
            worked = work.carry_out(receipt.until)
            _scrub_behind(connection, work, worked, scrubbing, progress)
        done.append(
            {
                "person": receipt.person.hex(),
                "held": True,
                "erased": True,
                "counts": dict(worked.run.counts if worked.run else {}),
            }
        )
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "receipts": done}))
        return
    for one in done:
        what = "held again" if one["held"] else "not held"
        click.echo(f"{str(one['person'])[:16]}…  {what}{', erased' if one['erased'] else ''}")


def _remember(connection: Connection, receipt: receipts.Receipt) -> None:
    """What is still on its way stays out, though nothing is here."""
    with connection.transaction():
        remember(connection, receipt.person, receipt.until)


def _scrub_behind(
    connection: Connection, work: Work, worked: Worked, scrubbing: bool, progress: Callable[[str, int, int], None]
) -> None:
    """Clean the disk behind this run, and behind earlier ones that were not."""
    if not scrubbing:
        return
    runs = [run for run in Run.of_person(connection, work.person) if run.finished_at and not run.scrubbed_at]
    if not runs:
        return
    worked.left.extend(scrub.scrub(connection, {day for run in runs for day in run.days}, progress))
    runs[-1].scrubbed(connection)


@contextmanager
def _shown(label: str) -> Iterator[Callable[[str, int, int], None]]:
    with click.progressbar(length=1000, label=label, file=sys.stderr) as bar:

        def show(what: str, done: int, of: int) -> None:
            bar.label = f"{label}: {what}"
            bar.update(int(1000 * done / max(of, 1)) - bar.pos)

        yield show


def _tell(counts: Any) -> None:
    for name, label in _LABELS.items():
        if counts.get(name):
            click.echo(f"{counts[name]:>12,}  {label}")


def _write(file: Path, made: dict[str, Any]) -> None:
    try:
        file.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    except OSError as error:
        # What is done can't be taken back, and its receipt stands here.
        raise StoreError(
            f"it is done, but the receipt can't be written to {file}: {error.strerror}. It says: {json.dumps(made)}"
        ) from None


def _login(connection: Connection) -> str:
    row = connection.execute("SELECT session_user::text").fetchone()
    return str(row[0]) if row else "unknown"
