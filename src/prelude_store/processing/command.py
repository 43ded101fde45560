"""`prelude store record-of-processing`."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import psycopg

from prelude_otel import catalogue as catalogues
from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.processing.document import html, markdown
from prelude_store.processing.facts import gather
from prelude_store.processing.record import TITLE, Said, record
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target

__all__ = ["record_of_processing"]


@click.command(name="record-of-processing")
@click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
@click.option(
    "--catalogue", "files", envvar="PRELUDE_CATALOGUE", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="A catalogue file of a service, as the exporter is given. May be repeated.",
)  # fmt: skip
@click.option("--controller", envvar="PRELUDE_CONTROLLER", metavar="TEXT", help="Name and contact of the controller.")
@click.option("--dpo", envvar="PRELUDE_DPO", metavar="TEXT", help="Name and contact of the data protection officer.")
@click.option(
    "--purposes", envvar="PRELUDE_PURPOSES", metavar="TEXT", help="What the data are kept for, on which basis."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where to, as .md or .html. Otherwise Markdown on standard output.",
)  # fmt: skip
def record_of_processing(
    database_url: str | None, files: tuple[Path, ...], controller: str | None, dpo: str | None, purposes: str | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Write the record of processing activities (GDPR, Article 30) as far as a program knows it.

    From the catalogue (activities, fields, which are personal), the schema, policies of retention, logins and tokens, seals. What it can't
    know it says, for you to complete. Needs a login in prelude_reader, or in prelude_governor to count tokens, too.
    """
    if out is not None and out.suffix not in {".md", ".html"}:
        raise click.BadParameter(f"{out} ends in neither .md nor .html", param_hint="--out")
    catalogue = catalogues.builtin()
    for file in files:
        catalogue.update(catalogues.load(file))
    conninfo = find_database_url(database_url)
    try:
        with connect(conninfo, "prelude-record", default_transaction_read_only="on") as connection:
            migrations.check(connection)
            facts = gather(connection)
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"lost {target(conninfo)}: {said(error)}") from None
    blocks = record(Said(controller, dpo, purposes), catalogue, facts, datetime.now(UTC), version("prelude-otel"))
    if out is None:
        click.echo(markdown(TITLE, blocks), nl=False)
        return
    made = html if out.suffix == ".html" else markdown
    try:
        out.write_text(made(TITLE, blocks), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror}; give another place by --out") from None
    click.echo(f"Written to {out}.", err=True)
