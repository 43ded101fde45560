"""`prelude store export`: all that is held on a person, as a zip."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import psycopg

from prelude_otel.errors import StoreError
from prelude_store import lanes
from prelude_store.catalogues import known
from prelude_store.connection import connect, said
from prelude_store.dossier.gather import Dossier, open_dossier
from prelude_store.governance.acts import record_act
from prelude_store.governance.people import person_hash, person_key
from prelude_store.mentions.person import Person, person_of
from prelude_store.quarantine.reader import reader_of
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target

__all__ = ["export"]


@click.command()
@click.option(
    "--database-url", metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)  # fmt: skip
@click.option(
    "--user", "email", metavar="EMAIL", required=True,
    help="Whose data: an address, or an id where a service gives one instead.",
)  # fmt: skip
@click.option(
    "--catalogue", "catalogues", envvar="PRELUDE_CATALOGUE", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A catalogue file of a service: in its personal fields an id is looked for. May be repeated.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.zip",
    help="Where to; the folder must be there. Otherwise personal-data-DATE.zip here.",
)  # fmt: skip
@click.option("--with-others", is_flag=True, help="Show who else is in rows that name the person: not for handing out.")
@click.option("--reason", metavar="TEXT", help="Why, for the record of acts. Name nobody in it.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def export(
    database_url: str | None, email: str, catalogues: tuple[Path, ...], out: Path | None, with_others: bool,
    reason: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write all that is held on a person to a zip (GDPR, Articles 15 and 20).

    What the person did, by index; what others did that names the person, by one walk through the log; sessions, profile, counts,
    credentials, and what is in quarantine. As NDJSON and CSV, with a page that explains them. Needs a login in prelude_governor.
    """
    address = person_of(email)
    conninfo = find_database_url(database_url)
    try:
        with click.progressbar(length=1000, file=sys.stderr, label="exporting") as bar:

            def show(what: str, done: int, of: int) -> None:
                # Looking for mentions takes about half of the time.
                share = 0.5 * done / max(of, 1) + (0.5 if what[:7] != "looking" else 0)
                bar.update(int(share * 1000) - bar.pos)

            dossier = open_dossier(
                conninfo,
                address,
                reader_of(catalogues),
                catalogue=known(catalogues),
                with_others=with_others,
                progress=show,
            )
            file = out or Path(f"personal-data-{dossier.made_at:%Y%m%dT%H%M%SZ}.zip")
            _write(dossier, file)
        _record(conninfo, address, dossier, reason)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            f"this login of {target(conninfo)} may not see all of it: GRANT prelude_governor TO it ({said(error)})"
        ) from None
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size, "rows": dossier.rows}))
        return
    for name, count in dossier.rows.items():
        click.echo(f"{count:>12,}  {name}")
    click.echo(f"Written to {file} ({file.stat().st_size / 1_000_000:,.1f} MB). Open index.html in it.")


def _write(dossier: Dossier, file: Path) -> None:
    """All of it or nothing, and readable by its owner alone."""
    waiting = file.with_name(f"{file.name}.part")
    try:
        with waiting.open("wb") as stream:
            waiting.chmod(0o600)
            for part in dossier:
                stream.write(part)
        waiting.replace(file)
    except OSError as error:
        raise StoreError(f"{file} can't be written: {error.strerror}; give another place by --out") from None
    finally:
        dossier.close()
        waiting.unlink(missing_ok=True)


def _record(conninfo: str, address: Person, dossier: Dossier, reason: str | None) -> None:
    with connect(conninfo, "prelude-export") as connection:
        person = person_hash(person_key(connection), address.email).hex()
        detail: dict[str, Any] = {"person": person, "rows": dossier.rows}
        said_why = None if reason is None else address.replaced(reason, "[the person]")
        with connection.transaction():
            record_act(connection, lanes.claim(connection), "export", _login(connection), detail, said_why)


def _login(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT session_user::text").fetchone()
    return str(row[0]) if row else "unknown"
