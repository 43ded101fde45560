"""What `prelude doctor` asks about the Collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_cli.collector.find import find_collector
from prelude_cli.http import status_of
from prelude_otel.errors import CollectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["checks"]

_OK: Final = 200
_START: Final = (
    "start it: prelude up, or otelcol-contrib --config collector-config.yaml; its own words say why it does not start"
)


def checks(context: dict[str, str]) -> Iterator[tuple[str, bool | None, str, str]]:
    """Findings; that its OTLP port takes a probe is for the emit room to say.

    Args:
        context: `collector_health`, the URL of the health check (empty: there is no Collector, or none that can be asked),
            `endpoint`, where services send, and `exporter_http`.
    """
    health = context.get("collector_health", "")
    if health:
        yield _health(health, context)
        yield _program()


def _health(url: str, context: dict[str, str]) -> tuple[str, bool | None, str, str]:
    name = "the Collector is healthy"
    status = status_of(url)
    if status == _OK:
        return (name, True, f"{url} says so", "")
    if status is not None:
        return (
            name,
            False,
            f"{url} answers with {status}",
            "see the Collector's own words: it is starting, stopping, or a pipeline failed",
        )
    if _ready(context.get("exporter_http", "")) and _sends_to_exporter(context):
        return (
            name,
            None,
            "none runs here, and services send straight to the exporter",
            "nothing, if that is meant (--no-collector)",
        )
    return (
        name,
        False,
        f"{url} does not answer",
        f"{_START}. If its health check is elsewhere: --collector-health URL",
    )


def _ready(exporter_http: str) -> bool:
    return bool(exporter_http) and status_of(f"{exporter_http.rstrip('/')}/readyz") is not None


def _sends_to_exporter(context: dict[str, str]) -> bool:
    return context["endpoint"].rstrip("/") == context.get("exporter_http", "").rstrip("/")


def _program() -> tuple[str, bool | None, str, str]:
    name = "the Collector's program is found"
    try:
        found = find_collector()
        said = None if found is None else f"{found.path}, by {found.source}: {found.version()}"
    except CollectorError as error:
        return (name, False, str(error), "prelude collector build")
    if said is None:
        return (
            name,
            None,
            "there is none on this machine",
            "nothing, if it runs elsewhere; else: prelude collector build",
        )
    return (name, True, said, "")
