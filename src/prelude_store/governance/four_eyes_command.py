"""`prelude store four-eyes`: whether a second one must consent to what is done by the API and the dashboard."""

from __future__ import annotations

import json

import click

from prelude_store import lanes
from prelude_store.governance.four_eyes import FOUR_EYES, asked_for, switch
from prelude_store.governance.governing import governing

__all__ = ["four_eyes"]


@click.command(name="four-eyes")
@click.argument("wanted", metavar="[on|off]", type=click.Choice(["on", "off"]), required=False)
@click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
@click.option("--reason", metavar="TEXT", help="Why; stands in the act, for good. Needed to give them up.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def four_eyes(wanted: str | None, database_url: str | None, reason: str | None, as_json: bool) -> None:
    """Whether a second one who governs must consent, in every service on this log; or ask for it, or give it up.

    Each change is an act of the log. Needs a login in prelude_governor; to look, prelude_reader will do.
    """
    with governing(database_url) as connection:
        changed = False
        if wanted is not None:
            lane = lanes.claim(connection)
            with connection.transaction():
                changed = switch(connection, lane, connection.info.user, on=wanted == "on", reason=reason)
        on = asked_for(connection)
    if as_json:
        click.echo(json.dumps({"four_eyes": on, "changed": changed}))
        return
    if wanted is not None and not changed:
        click.echo(f"That is so already: four eyes are {'on' if on else 'off'}.")
    elif on:
        click.echo("Four eyes are on: a second token with the role govern must consent.")
    else:
        click.echo(
            f"Four eyes are off: one token with the role govern is enough. A service that runs with {FOUR_EYES}=on asks for them again."
        )
