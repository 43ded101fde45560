"""``prelude exporter``: the OTLP receiver that writes rows."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import click

from prelude_exporter.wire_options import limit_options, security_options, token
from prelude_otel.errors import MissingExtraError
from prelude_store import logs

__all__ = ["command"]

_MEBIBYTE = 1024 * 1024
_log = logging.getLogger(__name__)


@click.group("exporter", context_settings={"show_default": True}, invoke_without_command=True)
@click.option(
    "--database-url",
    envvar="PRELUDE_DATABASE_URL",
    help="PostgreSQL, e.g. postgresql://user@host/name. Else ANALYTICS_DB_HOST and its companions.",
    show_default=False,
)
@click.option(
    "--http",
    "http_address",
    envvar="PRELUDE_EXPORTER_HTTP",
    default="127.0.0.1:4328",
    metavar="HOST:PORT",
    help="OTLP over HTTP, and /healthz, /readyz, /metrics.",
)
@click.option(
    "--grpc",
    "grpc_address",
    envvar="PRELUDE_EXPORTER_GRPC",
    default="127.0.0.1:4327",
    metavar="HOST:PORT",
    help="OTLP over gRPC.",
)
@security_options
@click.option("--migrate", envvar="PRELUDE_MIGRATE", is_flag=True, help="Bring the schema up to date first.")
@click.option(
    "--catalogue",
    "catalogues",
    envvar="PRELUDE_CATALOGUE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A catalogue file of a service (TOML or YAML), beside the reference's activities. May be repeated.",
    show_default=False,
)
@click.option(
    "--writers", envvar="PRELUDE_WRITERS", type=click.IntRange(1, 16), default=2, help="Connections that write."
)
@limit_options
@click.option(
    "--waiting-mib",
    envvar="PRELUDE_WAITING_MIB",
    type=click.IntRange(1, 4096),
    default=64,
    help="Requests that may wait for their commit; more are refused with 503. Memory grows to some five times this.",
)
@click.option(
    "--wait",
    envvar="PRELUDE_WAIT",
    type=click.FloatRange(0.1, 60),
    default=4.0,
    help="Seconds that a request may take. The Collector gives up after 5.",
)
@click.option(
    "--span-window",
    envvar="PRELUDE_SPAN_WINDOW",
    type=click.FloatRange(min=0.01),
    default=24.0,
    metavar="HOURS",
    help="How long a record waits for its span, and a span for its records.",
)
@click.option(
    "--quarantine-days",
    envvar="PRELUDE_QUARANTINE_DAYS",
    type=click.IntRange(0, 36_500),
    default=90,
    metavar="DAYS",
    help="How long the quarantine keeps its entries: 7 or more, 0 for ever.",
)
@click.option(
    "--accept-past-days",
    envvar="PRELUDE_ACCEPT_PAST_DAYS",
    type=click.IntRange(1),
    default=3653,
    help="Older activities go to quarantine.",
)
@click.option(
    "--accept-future-hours",
    envvar="PRELUDE_ACCEPT_FUTURE_HOURS",
    type=click.IntRange(0),
    default=24,
    help="Activities further ahead go to quarantine.",
)
@click.option(
    "--self-telemetry",
    envvar="PRELUDE_SELF_TELEMETRY",
    is_flag=True,
    help="Also send its own metrics by OTLP, to where OTEL_EXPORTER_OTLP_METRICS_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT says.",
)
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as one line of JSON.")
@logs.options
@click.pass_context
def command(
    context: click.Context,
    database_url: str | None,
    http_address: str,
    grpc_address: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    tokens: Path | None,
    allow_unauthenticated: bool,
    allow_cleartext: bool,
    migrate: bool,
    catalogues: tuple[Path, ...],
    writers: int,
    max_request_mib: int,
    max_request_records: int,
    max_connections: int,
    arrival: float,
    waiting_mib: int,
    wait: float,
    span_window: float,
    quarantine_days: int,
    accept_past_days: int,
    accept_future_hours: int,
    self_telemetry: bool,
    as_json: bool,
    log_format: str,
    log_level: str,
) -> None:  # fmt: skip
    """Receive OTLP (logs and traces) and write activities to PostgreSQL.

    Answers success only after COMMIT. Ends on SIGTERM or Ctrl-C, when the requests in flight are answered.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        from prelude_exporter import server, upkeep
        from prelude_exporter.access.security import Security
        from prelude_exporter.limits import Limits
        from prelude_exporter.settings import Address, Settings
        from prelude_exporter.threads import leave
        from prelude_store.native import native
        from prelude_store.settings import database_url as find_database_url
    except ModuleNotFoundError as error:
        raise MissingExtraError("prelude exporter", "exporter", error.name or "") from error

    settings = Settings(
        database_url=find_database_url(database_url),
        http=Address.parse(http_address),
        grpc=Address.parse(grpc_address),
        security=Security(
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_client_ca=tls_client_ca,
            tokens=tokens,
            allow_unauthenticated=allow_unauthenticated,
            allow_cleartext=allow_cleartext,
        ),
        migrate=migrate,
        catalogues=catalogues,
        writers=writers,
        limits=Limits(
            request_bytes=max_request_mib * _MEBIBYTE,
            records=max_request_records,
            connections=max_connections,
            arrival=arrival,
        ),
        waiting_bytes=waiting_mib * _MEBIBYTE,
        wait=wait,
        span_window=timedelta(hours=span_window),
        quarantine_keep=timedelta(days=max(quarantine_days, 7)) if quarantine_days else None,
        accept_past=timedelta(days=accept_past_days),
        accept_future=timedelta(hours=accept_future_hours),
        self_telemetry=self_telemetry,
    )
    logs.set_up(log_format, log_level)
    decoder = native()
    for name in upkeep.prepare(settings):
        _log.info("applied migration %s", name)

    scheme = "http" if tls_cert is None else "https"

    def ready(listening: server.Listening) -> None:
        where = {"http": f"{scheme}://{listening.http}", "grpc": str(listening.grpc), "native": decoder.version}
        if as_json:
            click.echo(json.dumps(where))
        if log_format == "json":
            _log.info("listening", extra=where | {"version": version("prelude-otel")})
        elif not as_json:
            click.echo(
                f"prelude exporter listens on {scheme}://{listening.http} (OTLP/HTTP) and {listening.grpc} (OTLP/gRPC); "
                f"it decodes {decoder}"
            )

    server.run(settings, ready)
    leave()


command.add_command(token)
