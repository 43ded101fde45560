"""What each part of the chain is started with."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from prelude_cli.up.part import Part
from prelude_cli.up.past import ENDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prelude_cli.up.past import Past
    from prelude_cli.up.settings import Settings

__all__ = [
    "CARE_VARIABLES", "DATABASE_VARIABLES", "analytics", "collector", "crm", "embedded_store", "exporter", "migration", "past", "seal_key",
    "sealing", "tail", "token", "visitor",
]  # fmt: skip

DATABASE_VARIABLES = (
    "PRELUDE_DATABASE_URL",
    "ANALYTICS_DB_HOST",
    "ANALYTICS_DB_PORT",
    "ANALYTICS_DB_USER",
    "ANALYTICS_DB_PASSWORD",
    "ANALYTICS_DB_NAME",
)

CARE_VARIABLES = ("PRELUDE_CARE_DATABASE_URL", "PRELUDE_CARE_PASSWORD")
"""The way to the database that analytics takes for the quarantine."""

_SIGNED_IN_DAYS = "7"
_KEY_FILE = "PRELUDE_SEAL_KEY_FILE"


def _python(*arguments: str) -> list[str]:
    # -P: a file click.py in the current folder must not take the place of the real one.
    return [sys.executable, "-P", "-m", *arguments]


def _environment(**more: str) -> dict[str, str]:
    """Ours, without any way to a database: each part is told the one that it may reach, if any."""
    kept = {name: value for name, value in os.environ.items() if name not in (*DATABASE_VARIABLES, *CARE_VARIABLES)}
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def embedded_store(settings: Settings) -> Part:
    """The embedded PostgreSQL; its first line says where it is."""
    return Part(
        "PostgreSQL",
        _python("prelude_cli", "store", "embedded", "--data", str(settings.data / "postgres")),
        _environment(**settings.logging),
        settings.logs / "postgres.log",
        speaks=True,
        stop_within=30.0,
        in_peace=True,
    )


def migration(settings: Settings, database: Mapping[str, str]) -> Part:
    """The schema of an existing database brought up to date."""
    command = _python("prelude_cli", "store", "migrate")
    return Part("the migration", command, _environment(**database), settings.logs / "migrate.log", may_end=True)


def exporter(settings: Settings, database: Mapping[str, str]) -> Part:
    """The OTLP receiver that writes rows; it gets the database by its environment, since a command line is there for all to read."""
    http, grpc = (f"127.0.0.1:{settings.ports[key]}" for key in ("exporter_http", "exporter_grpc"))
    return Part(
        "the exporter",
        _python("prelude_cli", "exporter", "--http", http, "--grpc", grpc),
        _environment(**database, **settings.logging),
        settings.logs / "exporter.log",
        stop_within=15.0,
    )


def tail(settings: Settings, database: Mapping[str, str]) -> Part:
    """The rows as they land, a line of JSON each."""
    # Of a demo's past nothing is to be seen.
    passed_over = ("--newer-than", f"{ENDS // timedelta(minutes=1)}m") if settings.demo else ()
    command = _python("prelude_cli", "store", "tail", "--json", *passed_over)
    return Part("the row reader", command, _environment(**database), settings.logs / "tail.log", speaks=True)


def analytics(settings: Settings, database: Mapping[str, str]) -> Part:
    """The API, and what keeps its figures."""
    return Part(
        "analytics",
        _python("prelude_cli", "analytics", "--host", "127.0.0.1", "--port", str(settings.ports["analytics"])),
        _environment(
            **database, **settings.logging, **sealing(settings), PRELUDE_EXPORTER_URL=settings.at("exporter_http")
        ),
        settings.logs / "analytics.log",
        stop_within=15.0,
    )


def sealing(settings: Settings) -> dict[str, str]:
    """The variables by which analytics seals an embedded database; none where the extra is missing, or somebody has said another key."""
    if settings.database is not None or _KEY_FILE in os.environ or find_spec("cryptography") is None:
        return {}
    return {
        _KEY_FILE: str(settings.data / "seal.key"),
        "PRELUDE_SEAL_CHECKPOINT_FILE": str(settings.data / "checkpoints.jsonl"),
    }


def seal_key(settings: Settings) -> Part:
    """Makes the key of this run's log."""
    command = _python("prelude_cli", "store", "seal", "key", "generate")
    return Part(
        "the seal key", command, _environment(**sealing(settings)), settings.logs / "seal-key.log", may_end=True
    )


def token(settings: Settings, database: Mapping[str, str]) -> Part:
    """Makes a token for this run's user; its one line says it."""
    command = _python("prelude_cli", "token", "create", "--role", "all", "--days", _SIGNED_IN_DAYS, "--json")
    return Part("the token", command, _environment(**database), settings.logs / "token.log", speaks=True, may_end=True)


def past(settings: Settings, made: Past, database: Mapping[str, str]) -> Part:
    """A made-up past, by one process, so that the demo goes on beside it."""
    wanted = ("--rows", str(made.rows), "--days", "30", "--until", made.until, "--jobs", "1", "--add", "--no-build")
    command = _python("prelude_cli", "demo", "seed", *wanted)
    return Part("the past", command, _environment(**database), settings.logs / "past.log", may_end=True)


def collector(settings: Settings) -> Part:
    """The OpenTelemetry Collector with our settings, led to our ports and folder by the variables that they name."""
    ports = settings.ports
    return Part(
        "the Collector",
        [str(settings.collector), "--config", str(settings.collector_config)],
        _environment(
            PRELUDE_COLLECTOR_GRPC=f"127.0.0.1:{ports['collector_grpc']}",
            PRELUDE_COLLECTOR_HTTP=f"127.0.0.1:{ports['collector_http']}",
            PRELUDE_COLLECTOR_HEALTH=f"127.0.0.1:{ports['collector_health']}",
            PRELUDE_COLLECTOR_METRICS_PORT=str(ports["collector_metrics"]),
            PRELUDE_COLLECTOR_EXPORTER=f"127.0.0.1:{ports['exporter_grpc']}",
            PRELUDE_COLLECTOR_STORAGE=str(settings.data / "collector-queue"),
        ),
        settings.logs / "collector.log",
    )


def crm(settings: Settings) -> Part:
    """The demo CRM; OpenTelemetry settings of the caller's own services are kept from it."""
    inherited = {name: value for name, value in _environment().items() if not name.startswith("OTEL_")}
    port = str(settings.ports["crm"])
    return Part(
        "the demo CRM",
        _python("uvicorn", "prelude_demo_crm.app:app", "--host", "127.0.0.1", "--port", port, "--log-level", "warning"),
        inherited | {"OTEL_EXPORTER_OTLP_ENDPOINT": settings.endpoint},
        settings.logs / "crm.log",
    )


def visitor(settings: Settings) -> Part:
    """Somebody who uses the demo CRM."""
    command = _python("prelude_demo_crm.visitor", "--base-url", settings.at("crm"))
    return Part("the visitor", command, _environment(), settings.logs / "visitor.log", may_end=True)
