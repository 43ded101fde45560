"""`prelude up`: the flags, and what they mean together."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prelude_cli.collector.build import build_collector
from prelude_cli.collector.find import find_collector
from prelude_cli.collector.packaged import COLLECTOR_CONFIG
from prelude_cli.lock import locked
from prelude_cli.up.chain import Chain
from prelude_cli.up.parts import DATABASE_VARIABLES
from prelude_cli.up.past import Past
from prelude_cli.up.ports import check_ports, choose_ports
from prelude_cli.up.screen import Screen
from prelude_cli.up.settings import PORTS, Settings
from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["command"]


def _port_options(function: Callable[..., None]) -> Callable[..., None]:
    for each in reversed(PORTS):
        option = click.option(
            each.flag,
            type=click.IntRange(0, 65535),
            default=each.default,
            show_default=True,
            envvar=each.variable,
            show_envvar=True,
            metavar="PORT",
            help=f"{each.what}; 0 takes a free one.",
        )
        function = option(function)
    return function


@click.command()
@click.option("--demo", is_flag=True, help="Also start the demo CRM, and a visitor who uses it.")
@click.option("--no-collector", is_flag=True, help="Do without the Collector: services send straight to the exporter.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".prelude"),
    show_default=True,
    envvar="PRELUDE_DATA",
    show_envvar=True,
    help="The folder that holds all that is kept: database, the Collector's queue, logs. Delete it to begin anew.",
)
@click.option(
    "--database-url",
    metavar="URL",
    help="An existing PostgreSQL, instead of the embedded one; its schema is brought up to date.",
)
@click.option(
    "--collector-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=COLLECTOR_CONFIG,
    help="Settings for the Collector, instead of the packaged ones (see: prelude collector config).",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    envvar="PRELUDE_LOG_FORMAT",
    help="How PostgreSQL's keeper and the exporter write their logs; text if nothing is said.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    envvar="PRELUDE_LOG_LEVEL",
    help="The least that they log; info if nothing is said.",
)
@click.option(
    "--past",
    type=click.IntRange(min=0),
    default=200_000,
    show_default=True,
    metavar="N",
    help="With --demo, in a data folder that is new: so many made-up rows of the last 30 days. A past that was broken off is gone on with.",
)
@click.option("--rows", type=click.IntRange(min=1), metavar="N", help="Stop after N rows have landed.")
@_port_options
def command(
    *,
    demo: bool,
    no_collector: bool,
    data: Path,
    database_url: str | None,
    collector_config: Path,
    log_format: str | None,
    log_level: str | None,
    past: int,
    rows: int | None,
    **ports: int,
) -> None:
    """Run everything on this machine: PostgreSQL, exporter, Collector, analytics; with --demo also a CRM that is used.

    Shows what runs where, then each row as it lands. Ctrl-C stops it all in order, and so does the end of any part. The database is an
    embedded one in the --data folder, unless --database-url, PRELUDE_DATABASE_URL or ANALYTICS_DB_HOST names another; with --demo only
    --database-url does, so that made-up rows never come among real ones by accident. A Collector is built when none is found, which
    takes some minutes the first time.
    """
    screen = Screen()
    database = _database(database_url, demo=demo, screen=screen)
    data.mkdir(parents=True, exist_ok=True)
    with locked(data / "up.lock", when_taken=lambda: _refuse(data)):
        settings = Settings(
            data=data.absolute(),
            ports=choose_ports({key.removesuffix("_port"): port for key, port in ports.items()}),
            database=database,
            collector=None if no_collector else _collector(),
            collector_config=collector_config.absolute(),
            demo=demo,
            rows=rows,
            past=Past.due(data, past) if demo and database is None else None,
            logging=_logging(log_format, log_level),
        )
        check_ports(settings)
        settings.logs.mkdir(exist_ok=True)
        if settings.past is not None:
            settings.past.note(data, written=False)
        click.secho(f"prelude {version('prelude-otel')}", bold=True)
        _run(Chain(settings, screen))


def _run(chain: Chain) -> None:
    try:
        asyncio.run(chain.run())
    except BrokenPipeError:
        # Whoever read our lines has gone (`prelude up | head`): that is a way to stop it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _logging(log_format: str | None, log_level: str | None) -> dict[str, str]:
    given = {"PRELUDE_LOG_FORMAT": log_format, "PRELUDE_LOG_LEVEL": log_level}
    return {name: value for name, value in given.items() if value}


def _refuse(data: Path) -> Any:
    raise ConfigurationError(
        f"{data} is in use by another `prelude up`. Stop that one, or choose another folder: prelude up --data DIR"
    )


def _database(database_url: str | None, *, demo: bool, screen: Screen) -> dict[str, str] | None:
    """The variables that lead to an existing database, or None for the embedded one."""
    if database_url:
        return {"PRELUDE_DATABASE_URL": database_url}
    named = {name: os.environ[name] for name in DATABASE_VARIABLES if os.environ.get(name)}
    leading = next((name for name in ("PRELUDE_DATABASE_URL", "ANALYTICS_DB_HOST") if name in named), None)
    if leading is None:
        return None
    if demo:
        screen.note(
            f"{leading} is set, but the demo keeps to a database of its own. To write its rows there: --database-url URL"
        )
        return None
    return named


def _collector() -> Path:
    found = find_collector()
    if found is not None:
        return found.path
    path, _built = build_collector()
    return path
