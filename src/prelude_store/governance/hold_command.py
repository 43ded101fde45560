"""`prelude store hold`: what stays, whatever a policy or an erasure says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from prelude_store import lanes
from prelude_store.governance import holds
from prelude_store.governance.four_eyes import say_beside
from prelude_store.governance.governing import governing
from prelude_store.times import MOMENT

__all__ = ["hold"]

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group()
def hold() -> None:
    """Legal holds: activities that stay, whatever a policy or an erasure says, until they are released.

    Needs a login in prelude_governor.
    """


@hold.command()
@_url
@click.option(
    "--user", metavar="EMAIL", help="What this person did, and what names the address. A keyed hash of it is kept."
)
@click.option("--entity", metavar="TYPE[:ID]", help="About an entity, such as deal:789; or about all of a type.")
@click.option("--from", "since", type=MOMENT, metavar="WHEN", help="Of then and later.")
@click.option("--to", "until", type=MOMENT, metavar="WHEN", help="Of before then.")
@click.option("--ends", type=MOMENT, metavar="WHEN", help="The hold ends by itself then.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; stands in the act, for good. Name nobody in it.")
@_json
def add(
    database_url: str | None, user: str | None, entity: str | None, since: datetime | None, until: datetime | None,
    ends: datetime | None, reason: str, as_json: bool,
) -> None:  # fmt: skip
    """Hold what all the given conditions fit."""
    kind, _, number = (entity or "").partition(":")
    if entity is not None and not kind:
        raise click.BadParameter(f"{entity!r} names no type; write deal or deal:789", param_hint="--entity")
    wanted = holds.Wanted(reason, user, kind or None, number or None, since, until, ends)
    with governing(database_url) as connection:
        say_beside(connection)
        lane = lanes.claim(connection)
        with connection.transaction():
            made = holds.add(connection, lane, connection.info.user, wanted)
    click.echo(
        json.dumps({"id": made}) if as_json else f"Hold {made} holds. prelude store hold release {made} ends it."
    )


@hold.command(name="list")
@_url
@click.option("--all", "all_of_them", is_flag=True, help="Also those that were released, or have ended.")
@_json
def list_(database_url: str | None, all_of_them: bool, as_json: bool) -> None:
    """The holds that hold."""
    with governing(database_url) as connection:
        found = holds.holds(connection, all_of_them=all_of_them)
    if as_json:
        items = [one._asdict() | {"person": one.person and one.person.hex()} for one in found]
        click.echo(json.dumps(items, default=lambda moment: moment.isoformat()))
        return
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo("Nothing is held.")


@hold.command()
@_url
@click.argument("number", metavar="ID", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why; stands in the act, for good. Name nobody in it.")
def release(database_url: str | None, number: int, reason: str) -> None:
    """End a hold: what it kept is due again, as policies say, and to be erased, as was asked."""
    with governing(database_url) as connection:
        say_beside(connection)
        lane = lanes.claim(connection)
        with connection.transaction():
            holds.release(connection, lane, connection.info.user, number, reason)
    click.echo(f"Hold {number} is released.")


def _line(one: holds.Hold) -> str:
    parts = [
        f"person {one.person.hex()[:12]}…" if one.person else "",
        "" if one.entity_type is None else one.entity_type + (f":{one.entity_id}" if one.entity_id is not None else ""),
        "" if one.since is None else f"from {one.since:%Y-%m-%d %H:%M}",
        "" if one.until is None else f"to {one.until:%Y-%m-%d %H:%M}",
    ]
    ends = "" if one.ends_at is None else f", until {one.ends_at:%Y-%m-%d %H:%M}"
    state = f"released {one.released_at:%Y-%m-%d}" if one.released_at else "holds" if one.active else "ended"
    return f"{one.id:>4}  {state:<19} {' '.join(part for part in parts if part)}{ends}: {one.reason}"
