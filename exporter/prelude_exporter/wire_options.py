"""Options of ``prelude exporter`` about who may send, and how much at once; and the verb that makes a token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

__all__ = ["limit_options", "security_options", "token"]

F = TypeVar("F", bound=Callable[..., Any])
_FILE: Final = click.Path(dir_okay=False, path_type=Path)


def _all(options: list[Callable[[Any], Any]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _file(name: str, variable: str, said: str) -> Callable[[Any], Any]:
    return click.option(name, envvar=variable, type=_FILE, help=said, show_default=False)


security_options: Final = _all(
    [
        _file(
            "--tls-cert", "PRELUDE_EXPORTER_TLS_CERT", "Certificate of both ports (PEM); read again when it changes."
        ),
        _file("--tls-key", "PRELUDE_EXPORTER_TLS_KEY", "Its key (PEM)."),
        _file(
            "--tls-client-ca",
            "PRELUDE_EXPORTER_TLS_CLIENT_CA",
            "Authority of client certificates (PEM); every sender must show one.",
        ),
        _file(
            "--tokens",
            "PRELUDE_EXPORTER_TOKENS",
            "File that says which tokens and certificates may speak for which services; read again when it changes.",
        ),
        click.option(
            "--allow-unauthenticated",
            envvar="PRELUDE_ALLOW_UNAUTHENTICATED",
            is_flag=True,
            help="Listen beyond this machine, though nobody is asked who they are.",
        ),
        click.option(
            "--allow-cleartext",
            envvar="PRELUDE_ALLOW_CLEARTEXT",
            is_flag=True,
            help="Listen beyond this machine, though tokens travel without TLS.",
        ),
    ]
)

limit_options: Final = _all(
    [
        click.option(
            "--max-request-mib",
            envvar="PRELUDE_MAX_REQUEST_MIB",
            type=click.IntRange(1, 1024),
            default=64,
            help="Largest request, as it comes and inflated; as JSON, a quarter of it.",
        ),
        click.option(
            "--max-request-records",
            envvar="PRELUDE_MAX_REQUEST_RECORDS",
            type=click.IntRange(1),
            default=100_000,
            help="Most records of one request.",
        ),
        click.option(
            "--max-connections",
            envvar="PRELUDE_MAX_CONNECTIONS",
            type=click.IntRange(1),
            default=500,
            help="Connections at once on each port; more are closed, and come again.",
        ),
        click.option(
            "--arrival",
            envvar="PRELUDE_ARRIVAL",
            type=click.FloatRange(min=0.1),
            default=30.0,
            metavar="SECONDS",
            help="How long a request may take to arrive.",
        ),
    ]
)


@click.command("token")
@click.argument("name")
@click.option(
    "--service",
    "services",
    multiple=True,
    required=True,
    help="A service.name that it may speak for; may be repeated. '*' is all (for a Collector), '-' none (for reading metrics).",
)
@click.option("--days", type=click.IntRange(1), help="For how long it is valid; without end when not given.")
def token(name: str, services: tuple[str, ...], days: int | None) -> None:
    """Make a token for the sender NAME: it is printed once, with the line for the file of --tokens.

    The line holds only a hash. Nothing is written anywhere.
    """
    from prelude_exporter.access.tokens import line_for, new_token

    made = new_token()
    expires = datetime.now(UTC).date() + timedelta(days=days) if days else None
    line = line_for(name, () if services == ("-",) else services, made, expires)
    click.echo("The token, for the sender; it is not shown again:", err=True)
    click.echo(made)
    click.echo("The line for the file of --tokens:", err=True)
    click.echo(line)
