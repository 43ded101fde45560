"""``prelude token``: credentials of the analytics side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

import click
import psycopg

from prelude_analytics.access import issue
from prelude_analytics.access.roles import Role
from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.settings import database_url, target

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["command"]

_url_option: Final[Callable[[Any], Any]] = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is, by a login in prelude_governor or one that owns it. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST and its companions.",
)
_json_option: Final[Callable[[Any], Any]] = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group(name="token")
def command() -> None:
    """Tokens for the analytics API: who may read whose activities."""


@command.command()
@click.option(
    "--role",
    type=click.Choice(get_args(Role)),
    required=True,
    help="self: one person's own activities. all: everybody's, and rankings by name. govern: everybody's, for those who care for the data.",
)
@click.option(
    "--user", metavar="EMAIL", help="Whose it is; their reads are recorded under this address. Needed for self."
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="For how long it is valid; until it is revoked when not given."
)
@click.option("--name", help="To know it by in the list.")
@_url_option
@_json_option
def create(
    role: Role, user: str | None, days: int | None, name: str | None, database_url: str | None, as_json: bool
) -> None:
    """Make a token, and print it. This is the only time that it is seen: only its hash is kept."""
    valid_for = timedelta(days=days) if days else None
    with _connection(database_url) as connection:
        made = issue.create(connection, role, user=user, valid_for=valid_for, name=name)
    if as_json:
        ends = made.expires_at.isoformat() if made.expires_at else None
        shown = {"id": made.id, "token": made.token, "role": made.role, "user": made.user, "expires_at": ends}
        click.echo(json.dumps(shown))
        return
    until = f"until {made.expires_at:%Y-%m-%d %H:%M %Z}" if made.expires_at else "until it is revoked"
    whose = f" of {made.user}" if made.user else ""
    click.echo(f"Token {made.id}{whose}, role {made.role}, valid {until}; it is not shown again:", err=True)
    click.echo(made.token)


@command.command(name="list")
@_url_option
@_json_option
def show(database_url: str | None, as_json: bool) -> None:
    """All tokens that were made: whose, for what, and whether they are valid. Never the tokens themselves."""
    with _connection(database_url) as connection:
        found = issue.tokens(connection)
    if as_json:
        click.echo(json.dumps([token.as_json() for token in found], indent=2))
        return
    click.echo(f"{'id':<12} {'role':<7} {'state':<8} {'expires':<11} {'last used':<17} user, name")
    for token in found:
        ends = f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "-"
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "-"
        whose = ", ".join(said for said in (token.user, token.name) if said)
        click.echo(f"{token.id:<12} {token.role:<7} {token.state:<8} {ends:<11} {used:<17} {whose}")


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_url_option
@_json_option
def revoke(ids: tuple[str, ...], database_url: str | None, as_json: bool) -> None:
    """Take tokens back, by their ids (prelude token list). Requests fail at once, open sockets close within a second or two."""
    with _connection(database_url) as connection:
        unknown = [each for each in ids if not issue.revoke(connection, each)]
    revoked = [each for each in ids if each not in unknown]
    if as_json:
        click.echo(json.dumps({"revoked": revoked, "unknown": unknown}))
    for each in () if as_json else revoked:
        click.echo(f"{each} revoked")
    if unknown:
        raise StoreError(f"there is no token with the id {', '.join(unknown)}; see: prelude token list")


@contextmanager
def _connection(url: str | None) -> Iterator[Connection]:
    conninfo = database_url(url)
    try:
        with connect(conninfo, "prelude-token") as connection:
            migrations.check(connection)
            yield connection
    except psycopg.Error as error:
        raise StoreUnavailableError(f"{target(conninfo)} refuses: {said(error)}") from None
