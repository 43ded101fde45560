"""`prelude store audit`: an audit trail as a file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import psycopg

from prelude_otel.errors import ConfigurationError, StoreError, StoreUnavailableError
from prelude_store import lanes, migrations
from prelude_store.audit.asked import FORMATS, Asked, Subject, subject
from prelude_store.audit.lines import Csv, Ndjson
from prelude_store.audit.page import Page
from prelude_store.audit.report import Format, steps
from prelude_store.audit.run import SESSION, carried_out
from prelude_store.connection import connect, said
from prelude_store.governance.acts import record_act
from prelude_store.governance.people import person_hash, person_key
from prelude_store.mentions.address import AddressError
from prelude_store.mentions.person import person_of
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target
from prelude_store.times import MOMENT

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["audit"]

_MAY_RECORD: Final = """
SELECT has_column_privilege('public.governance_acts', 'kind', 'INSERT') AND has_table_privilege('public.governance_keys', 'SELECT')
"""


@click.command()
@click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
@click.option("--from", "since", type=MOMENT, metavar="WHEN", required=True, help="Of then and later: 90d, 2026-01-31.")
@click.option("--to", "until", type=MOMENT, metavar="WHEN", help="Of before then. Otherwise up to now.")
@click.option(
    "--user", "email", metavar="EMAIL", help="What this person did; who looked at it; what was done about it."
)
@click.option("--entity", metavar="TYPE:ID", help="What was done to one thing, such as deal:789.")
@click.option("--service", metavar="NAME", help="What one service recorded.")
@click.option("--reads", is_flag=True, help="Also who looked at what in analytics: by reader, route and whose data.")
@click.option(
    "--format", "kind", type=click.Choice(list(FORMATS)), help="Otherwise as the name of the file ends; html."
)
@click.option("--out", metavar="FILE", help="Where to; - is standard output. Otherwise audit-DATE.html here.")
@click.option("--tz", "zone", default="UTC", metavar="ZONE", help="Whose clock the page shows, e.g. Europe/Berlin.")
def audit(
    database_url: str | None, since: datetime, until: datetime | None, email: str | None, entity: str | None,
    service: str | None, reads: bool, kind: str | None, out: str | None, zone: str,
) -> None:  # fmt: skip
    """Write an audit trail: who did what in a period, and what was done to the log, with what seals say of it.

    Of everybody, or of one person, entity or service; as a page that prints well, as CSV or as NDJSON. It is read in short
    transactions and with constant memory, however long. Needs a login in prelude_reader; by one in prelude_governor the making of the
    report is itself an act of the log.
    """
    now = datetime.now(UTC)
    until = until or now
    if since >= until:
        raise click.BadParameter(f"{since.isoformat()} is not before --to, {until.isoformat()}", param_hint="--from")
    about, tz = _subject(email, entity, service), _zone(zone)
    kind = kind or _kind(out)
    conninfo = find_database_url(database_url)
    try:
        with connect(conninfo, "prelude-audit") as connection:
            migrations.check(connection)
            login = connection.info.user
            person = _recorded(connection, about, since, until, login)
            for name, value in SESSION.items():
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            asked = Asked(
                about, since, until, f"the database login {login}", now, version("prelude-otel"), tz, reads, person
            )
            file = out or f"audit-{now:%Y%m%dT%H%M%SZ}.{kind}"
            if file == "-":
                _write(connection, asked, kind, sys.stdout.buffer)
            else:
                _into(Path(file), connection, asked, kind)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            f"this login of {target(conninfo)} may not read the log: GRANT prelude_reader TO it ({said(error)})"
        ) from None
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"lost {target(conninfo)}: {said(error)}") from None


def _write(connection: Connection, asked: Asked, kind: str, stream: IO[bytes]) -> None:
    shape: Format = Page(asked) if kind == "html" else Csv() if kind == "csv" else Ndjson()
    for part in carried_out(connection, steps(asked, shape)):
        stream.write(part)


def _into(file: Path, connection: Connection, asked: Asked, kind: str) -> None:
    """All of it or nothing, and readable by its owner alone."""
    waiting = file.with_name(f"{file.name}.part")
    try:
        with waiting.open("wb") as stream:
            waiting.chmod(0o600)
            _write(connection, asked, kind, stream)
        waiting.replace(file)
    except OSError as error:
        raise StoreError(f"{file} can't be written: {error.strerror}; give another place by --out") from None
    finally:
        waiting.unlink(missing_ok=True)
    click.echo(f"Written to {file} ({file.stat().st_size / 1_000_000:,.1f} MB).", err=True)


def _recorded(connection: Connection, about: Subject, since: datetime, until: datetime, login: str) -> str | None:
    """Record that the report is made, where this login may; gives the keyed hash of the person, where there is one."""
    row = connection.execute(_MAY_RECORD).fetchone()
    if not row or not row[0]:
        click.echo(
            f"Not recorded: the login {login} may not add acts to the log. With one in prelude_governor the report would be an act.",
            err=True,
        )
        return None
    person = about.user_email and person_hash(person_key(connection), about.user_email).hex()
    detail = {"report": "audit", "from": since.isoformat(), "to": until.isoformat()}
    detail |= {"person": person} if person else {}
    detail |= {name: about.given[name] for name in ("entity_type", "service_name") if name in about.given}
    with connection.transaction():
        record_act(connection, lanes.claim(connection), "export", login, detail)
    return person


def _subject(email: str | None, entity: str | None, service: str | None) -> Subject:
    try:
        address = None if email is None else person_of(email).email
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--user") from None
    kind, found, number = (entity or "").partition(":")
    if entity is not None and not (kind and found and number):
        raise click.BadParameter(
            f"{entity!r} is no entity; write its type and id, such as deal:789", param_hint="--entity"
        )
    try:
        return subject(address, kind or None, number or None, service)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


def _kind(out: str | None) -> str:
    ending = Path(out).suffix.removeprefix(".").lower() if out and out != "-" else "html"
    if ending not in FORMATS:
        raise click.BadParameter(
            f"{out!r} ends in none of {', '.join(f'.{kind}' for kind in FORMATS)}; say --format", param_hint="--out"
        )
    return ending


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"{name!r} is no time zone; write such as Europe/Berlin", param_hint="--tz") from None
