"""``prelude analytics``: the API, the live feed, and who may see what."""

from __future__ import annotations

import json
import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click

from prelude_otel.errors import ConfigurationError, MissingExtraError
from prelude_store import logs

__all__ = ["command"]

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_log = logging.getLogger(__name__)


@click.command("analytics", context_settings={"show_default": True})
@click.option(
    "--database-url",
    help="PostgreSQL, e.g. postgresql://user@host/name. Else PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST and its companions.",
    show_default=False,
)
@click.option("--host", envvar="PRELUDE_ANALYTICS_HOST", default="127.0.0.1", help="Where to listen.")
@click.option("--port", envvar="PRELUDE_ANALYTICS_PORT", default=8005, type=click.IntRange(0, 65_535))
@click.option(
    "--allowed-host",
    "allowed_hosts",
    envvar="PRELUDE_ALLOWED_HOSTS",
    multiple=True,
    metavar="NAME",
    help="A name under which browsers and programs reach it, beside --host and localhost; .example.com is all below. May be repeated, or be a list with commas.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    envvar="PRELUDE_TRUSTED_PROXIES",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy, or a network of them, whose X-Forwarded-For and X-Forwarded-Proto are believed. May be repeated, or be a list with commas.",
)
@click.option("--tls-cert", envvar="PRELUDE_ANALYTICS_TLS_CERT", type=_FILE, help="Certificate (PEM).")
@click.option("--tls-key", envvar="PRELUDE_ANALYTICS_TLS_KEY", type=_FILE, help="Its key (PEM).")
@click.option(
    "--allow-cleartext",
    envvar="PRELUDE_ANALYTICS_ALLOW_CLEARTEXT",
    is_flag=True,
    help="Listen beyond this machine, though tokens and answers travel without TLS.",
)
@click.option(
    "--connections",
    envvar="PRELUDE_ANALYTICS_CONNECTIONS",
    default=8,
    type=click.IntRange(2, 200),
    help="To the database, at most.",
)
@click.option(
    "--statement-timeout",
    envvar="PRELUDE_STATEMENT_TIMEOUT",
    default=5.0,
    type=click.FloatRange(0.1, 600),
    metavar="SECONDS",
    help="That one query may take; then the answer is 422, with what to narrow.",
)
@click.option(
    "--pending-timeout",
    envvar="PRELUDE_PENDING_TIMEOUT",
    default=24.0,
    type=click.FloatRange(min=0.25),
    metavar="HOURS",
    help="A pending activity that is older reads as a timeout.",
)
@click.option(
    "--named-rankings",
    envvar="PRELUDE_NAMED_RANKINGS",
    default="on",
    type=click.Choice(["on", "off"]),
    help="Whether answers may rank people by name.",
)
@click.option(
    "--session-hours",
    envvar="PRELUDE_SESSION_HOURS",
    default=12.0,
    type=click.FloatRange(0.1, 24 * 31),
    help="How long a cookie is valid.",
)
@click.option(
    "--requests-per-second",
    envvar="PRELUDE_REQUESTS_PER_SECOND",
    default=200.0,
    type=click.FloatRange(min=0),
    help="That one token may make for long; 0 is no limit.",
)
@click.option(
    "--requests-at-once",
    envvar="PRELUDE_REQUESTS_AT_ONCE",
    default=1000,
    type=click.IntRange(min=1),
    help="That one token may make in one go.",
)
@click.option(
    "--keeper",
    envvar="PRELUDE_KEEPER",
    default="on",
    type=click.Choice(["on", "off"]),
    help="Whether this process keeps rollups and sessions; of several, one does.",
)
@click.option(
    "--retention-every",
    envvar="PRELUDE_RETENTION_EVERY",
    default=24.0,
    type=click.FloatRange(0, 24 * 31),
    metavar="HOURS",
    help="Between runs of retention, where there are policies and the login is in prelude_governor; 0 is never. Of several processes, one runs.",
)
@click.option(
    "--seal-key-file",
    envvar="PRELUDE_SEAL_KEY_FILE",
    type=_FILE,
    metavar="FILE",
    help="Seal what is committed, with this key (prelude store seal key generate).",
)
@click.option(
    "--seal-checkpoint-file",
    envvar="PRELUDE_SEAL_CHECKPOINT_FILE",
    type=_FILE,
    metavar="FILE",
    help="Where signed checkpoints are added, a line each.",
)
@click.option(
    "--seal-webhook", envvar="PRELUDE_SEAL_WEBHOOK", metavar="URL", help="Where signed checkpoints are POSTed."
)
@click.option(
    "--seal-bucket",
    envvar="PRELUDE_SEAL_BUCKET",
    metavar="s3://BUCKET/PREFIX",
    help="An S3-compatible store to which signed checkpoints are added, an object each; AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on tell the rest.",
)
@click.option(
    "--memory",
    envvar="PRELUDE_ANALYTICS_MEMORY",
    default=1024,
    type=click.IntRange(min=16),
    metavar="MIB",
    help="About how much of the figures it remembers, so that they need not be read for each answer.",
)
@click.option(
    "--live-sockets",
    envvar="PRELUDE_LIVE_SOCKETS",
    default=10_000,
    type=click.IntRange(min=1),
    help="Of the live feed that may be open at once.",
)
@click.option(
    "--live-sockets-per-token",
    envvar="PRELUDE_LIVE_SOCKETS_PER_TOKEN",
    default=100,
    type=click.IntRange(min=0),
    help="Of them, that one token may have; 0 is no limit of its own.",
)
@click.option(
    "--care-database-url",
    "care_url",
    envvar="PRELUDE_CARE_DATABASE_URL",
    default="",
    metavar="URL",
    show_default=False,
    help="The same database for a login in prelude_governor and prelude_writer: then the quarantine can be seen, replayed and discarded. A password stands better in PRELUDE_CARE_PASSWORD.",
)
@click.option(
    "--four-eyes",
    envvar="PRELUDE_FOUR_EYES",
    default="off",
    type=click.Choice(["on", "off"]),
    help="Whether an erasure, a change of address, a policy or a hold by API or dashboard needs the consent of a second token with the role govern.",
)
@click.option(
    "--consent-days",
    envvar="PRELUDE_CONSENT_DAYS",
    default=7.0,
    type=click.FloatRange(0.01, 90),
    help="Days within which the second one must consent.",
)
@click.option(
    "--exporter-http",
    "exporter_url",
    envvar="PRELUDE_EXPORTER_URL",
    default="",
    metavar="URL",
    show_default=False,
    help="The exporter, such as http://127.0.0.1:4328: then the page System tells how it fares.",
)
@click.option(
    "--catalogue",
    "catalogues",
    envvar="PRELUDE_CATALOGUE",
    multiple=True,
    type=_FILE,
    help="A catalogue file of a service, for replays, as the exporter is given. May be repeated.",
)
@click.option(
    "--accept-past-days",
    envvar="PRELUDE_ACCEPT_PAST_DAYS",
    type=click.IntRange(1),
    default=3653,
    help="Older activities are not replayed; as for the exporter.",
)
@click.option(
    "--accept-future-hours",
    envvar="PRELUDE_ACCEPT_FUTURE_HOURS",
    type=click.IntRange(0),
    default=24,
    help="Activities further ahead are not replayed; as for the exporter.",
)
@click.option(
    "--trace-url",
    envvar="PRELUDE_TRACE_URL",
    default="",
    metavar="URL",
    show_default=False,
    help="Address of a trace in the tracing system, to which the dashboard links, like https://tempo.example/trace/{trace_id}.",
)
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as one line of JSON.")
@logs.options
def command(
    *,
    database_url: str | None,
    allowed_hosts: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    pending_timeout: float,
    named_rankings: str,
    keeper: str,
    four_eyes: str,
    session_hours: float,
    care_url: str,
    as_json: bool,
    log_format: str,
    log_level: str,
    **given: Any,
) -> None:
    """Serve the analytics API and its live feed: every answer needs a token (prelude token create).

    Starts whether or not the database is there, and answers 503 while it is away. Ends on SIGTERM or Ctrl-C.
    """
    try:
        from prelude_analytics import server
        from prelude_analytics.settings import Settings, listed
        from prelude_store.settings import database_url as find_database_url
    except ModuleNotFoundError as error:
        raise MissingExtraError("prelude analytics", "analytics", error.name or "") from error

    settings = Settings(
        database_url=find_database_url(database_url),
        allowed_hosts=listed(allowed_hosts),
        trusted_proxies=listed(trusted_proxies),
        pending_timeout=pending_timeout * 3600,
        named_rankings=named_rankings == "on",
        keeper=keeper == "on",
        four_eyes=four_eyes == "on",
        session_lifetime=session_hours * 3600,
        care_url=_with_password(care_url),
        **given,
    )
    logs.set_up(log_format, log_level)
    if settings.seal_key_file is not None:  # what is wrong with it is said before anything starts
        from prelude_store.seals.keys import SigningKey
        from prelude_store.seals.outside import Outlet

        SigningKey.read(settings.seal_key_file)
        Outlet(settings.seal_checkpoint_file, settings.seal_webhook, settings.seal_bucket)

    def ready(url: str) -> None:
        if as_json:
            click.echo(json.dumps({"url": url}))
        if log_format == "json":
            _log.info("listening", extra={"url": url, "version": version("prelude-otel")})
        elif not as_json:
            click.echo(f"prelude analytics answers at {url}/api/analytics")

    server.run(settings, ready)


def _with_password(care_url: str) -> str:
    """`care_url` with the password of the environment, where there is one.

    Raises:
        ConfigurationError: it is no address of a database.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    if not care_url:
        return ""
    password = os.environ.get("PRELUDE_CARE_PASSWORD")
    try:
        return make_conninfo(care_url, **({"password": password} if password else {}))
    except ProgrammingError as error:
        raise ConfigurationError(
            "PRELUDE_CARE_DATABASE_URL is no address of a database; give one like postgresql://prelude_care@host/name"
        ) from error
