"""`prelude store retain`: how long what is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import click

from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_otel.errors import StoreError
from prelude_store import lanes
from prelude_store.governance.changes import CLASSES
from prelude_store.governance.four_eyes import say_beside
from prelude_store.governance.governing import governing
from prelude_store.governance.holds import holds
from prelude_store.retention import shown
from prelude_store.retention.keeping import parse_keep
from prelude_store.retention.plan import plan as make_plan
from prelude_store.retention.policies import policies, remove_policy, set_policy
from prelude_store.retention.policy import Policy, Scope, scope_of
from prelude_store.retention.run import connected
from prelude_store.retention.run import run as carry_out
from prelude_store.terminal import progress_bar
from prelude_store.times import MOMENT

__all__ = ["retain"]

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines.")
_reason: Options = click.option("--reason", metavar="TEXT", help="Why; stands in the act, for good. Name nobody in it.")
_SCOPE: Final[tuple[Options, ...]] = (
    click.option(
        "--type", "action_type", metavar="TYPE", help=f"Only of this type: {', '.join(sorted(ACTION_TYPES))}."
    ),
    click.option("--name", "action_name", metavar="NAME", help="Only of this name; needs --type."),
    click.option(
        "--class", "cls", type=click.Choice([*CLASSES]), help="Not the rows, but these columns of them, become NULL."
    ),
)


def _scope(command: Any) -> Any:
    for option in reversed(_SCOPE):
        command = option(command)
    return command


@click.group()
def retain() -> None:
    """How long activities are kept, and what of them.

    Without a policy everything stays. Of several the most specific wins: type and name, then type, then all. A legal hold (prelude store
    hold) wins over every policy. Needs a login in prelude_governor.
    """


@retain.command(name="set")
@_url
@_scope
@click.option(
    "--keep",
    "keep_",
    required=True,
    metavar="AGE",
    help="90d, 12w, 18mo, 1y; or forever, where a broader policy lets go.",
)
@click.option(
    "--by", type=click.Choice(["day", "week"]), default="day", show_default=True,
    help="What goes as a whole (UTC). Weeks go up to six days later, and are dropped as partitions, which is quicker.",
)  # fmt: skip
@_reason
def set_(
    database_url: str | None, action_type: str | None, action_name: str | None, cls: str | None, keep_: str, by: str,
    reason: str | None,
) -> None:  # fmt: skip
    """Say how long something is kept; takes the place of the policy that there was for the same."""
    new = Policy(0, scope_of(action_type, action_name, cls), parse_keep(keep_), by == "week")
    with governing(database_url) as connection:
        say_beside(connection)
        lane = lanes.claim(connection)
        with connection.transaction():
            before = set_policy(connection, lane, connection.info.user, new, reason)
        staying = holds(connection)
    click.echo(f"{new.scope} are kept for {new.keep}" + (f", no longer for {before.keep}." if before else "."))
    if line := shown.staying_line(staying):
        click.echo(line)
    click.echo("prelude store retain plan shows what goes with the next run.")


@retain.command()
@_url
@_scope
@_reason
def remove(
    database_url: str | None, action_type: str | None, action_name: str | None, cls: str | None, reason: str | None
) -> None:
    """Take a policy back; nothing that went by it comes back."""
    scope: Scope = scope_of(action_type, action_name, cls)
    with governing(database_url) as connection:
        say_beside(connection)
        lane = lanes.claim(connection)
        with connection.transaction():
            gone = remove_policy(connection, lane, connection.info.user, scope, reason)
    click.echo(f"{scope} are no longer let go after {gone.keep}.")


@retain.command(name="list")
@_url
@_json
def list_(database_url: str | None, as_json: bool) -> None:
    """The policies, and from when on each lets go today. Of those that fit an activity the last one decides."""
    with governing(database_url) as connection:
        known, staying = policies(connection), holds(connection)
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps([shown.policy_json(policy, now) for policy in known], default=_as_text))
        return
    for policy in known:
        click.echo(shown.policy_line(policy, now))
    if not known:
        click.echo("There is no policy, so everything stays: prelude store retain set.")
    if line := shown.staying_line(staying):
        click.echo(line)


@retain.command()
@_url
@click.option("--at", type=MOMENT, metavar="WHEN", help="As if it were then: a time such as 2027-01-01.")
@_json
def plan(database_url: str | None, at: datetime | None, as_json: bool) -> None:
    """What would go, before it goes: counted exactly, by policy and week, with what is held. Changes nothing."""
    with governing(database_url, connected) as connection, progress_bar("looking") as bar:
        found = make_plan(connection, at, bar)
    if as_json:
        click.echo(json.dumps(shown.plan_json(found), default=_as_text))
        return
    for line in shown.plan_lines(found):
        click.echo(line)


@retain.command()
@_url
@_json
def run(database_url: str | None, as_json: bool) -> None:
    """Let go what is due, now. Fit for cron; safe to interrupt: the next run goes on. `prelude analytics` does it by itself once a day.

    Exit code 1 when something could not go.
    """
    with governing(database_url, connected) as connection, progress_bar("letting go") as bar:
        outcome = carry_out(connection, progress=bar)
    if outcome.busy:
        raise StoreError("another run is under way, perhaps by prelude analytics; nothing was done here")
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
    else:
        for line in shown.outcome_lines(outcome):
            click.echo(line)
    if outcome.leaving:
        sys.exit(1)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
