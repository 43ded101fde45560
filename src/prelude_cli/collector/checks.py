"""What `prelude doctor` asks about the Collector."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prelude_cli.collector.find import find_collector
from prelude_cli.http import status_of
from prelude_cli.metrics import Metrics, metrics_at
from prelude_otel.errors import CollectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["checks"]

_OK: Final = 200
_OLDEST: Final = (0, 160)
_MIB: Final = 1024 * 1024
_LITTLE: Final = 256 * _MIB
_SOME: Final = 100
_BETWEEN_LOOKS_S: Final = 1.0
_USUAL_STORAGE: Final = "/var/lib/otelcol/file_storage"
_START: Final = (
    "start it: prelude up, or otelcol-contrib --config collector-config.yaml; its own words say why it does not start"
)

Finding = tuple[str, bool | None, str, str]


def checks(context: dict[str, str]) -> Iterator[Finding]:
    """Findings; that its OTLP port takes a probe is for the emit room to say.

    Args:
        context: ``collector_health``, the URL of the health check (empty: there is no Collector, or none that can be asked),
            ``collector_metrics``, the URL of its metrics, ``collector_storage``, the folder of its queue, ``endpoint``, where
            services send, and ``exporter_http``. What is missing or empty is not looked at.
    """
    health = context.get("collector_health", "")
    if not health:
        return
    found = _health(health, context)
    yield found
    if not found[1]:
        yield _program()
    yield from _storage(context.get("collector_storage", ""))
    if found[1] is not None:
        yield from _metrics(context.get("collector_metrics", ""))


def _health(url: str, context: dict[str, str]) -> Finding:
    name = "health"
    status = status_of(url)
    if status == _OK:
        return (name, True, f"{url} says that all pipelines run", "")
    if status is not None:
        remedy = "see the Collector's own words: it is starting, stopping, or a pipeline failed"
        return (name, False, f"{url} answers with {status}", remedy)
    if _ready(context.get("exporter_http", "")) and _sends_to_exporter(context):
        said = "none runs here, and services send straight to the exporter"
        return (name, None, said, "nothing, if that is meant (--no-collector)")
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


def _program() -> Finding:
    name = "program"
    try:
        found = find_collector()
        said = None if found is None else f"{found.path}, by {found.source}: {found.version()}"
    except CollectorError as error:
        return (name, False, str(error), "prelude collector build")
    if said is None:
        remedy = "nothing, if it runs elsewhere; else: prelude collector build"
        return (name, None, "there is none on this machine", remedy)
    return (name, True, said, "")


def _storage(given: str) -> Iterator[Finding]:
    folder = Path(given or os.environ.get("PRELUDE_COLLECTOR_STORAGE") or _USUAL_STORAGE)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # on another machine, or never made
    if free >= _LITTLE:
        yield "disk", True, f"the disk of its queue, {folder}, has {free / _MIB:,.0f} MiB free", ""
        return
    said = f"the disk of its queue, {folder}, has {free / _MIB:.1f} MiB left; once it is full, services are turned back"
    yield "disk", False, said, "make room there; the queue gives its own space back when it has been sent"


def _metrics(url: str) -> Iterator[Finding]:
    seen = metrics_at(url) if url else None
    if seen is None or "otelcol_process_uptime" not in seen:
        remedy = "give --collector-metrics URL, usually http://127.0.0.1:8888/metrics"
        yield "metrics", None, "its own metrics can't be read, so nothing is known of its queue", remedy
        return
    yield _version(seen)
    yield _queue(url, seen)
    lost = seen.sum("otelcol_exporter_send_failed_log_records", "otelcol_exporter_send_failed_spans")
    if lost:
        said = f"since it started, {lost:.0f} records and spans were refused for good by the exporter, and are gone"
        yield "losses", False, said, 'its log has lines with "Dropping data", and the reason'
    else:
        yield "losses", True, "nothing was refused for good since it started", ""


def _version(seen: Metrics) -> Finding:
    version = seen.label("target_info", "service_version")
    number = re.match(r"v?(\d+)\.(\d+)", version)
    if number and (int(number[1]), int(number[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        return (
            "version",
            False,
            f"it is {version}; the settings need {oldest}",
            "take a newer one, or: prelude collector build",
        )
    return ("version", True, version or "not told", "")


def _queue(url: str, first: Metrics) -> Finding:
    """A queue is well when it is short, or gets shorter."""
    name, metric = "queue", "otelcol_exporter_queue_size"
    size = first.sum(metric)
    if size > _SOME:
        time.sleep(_BETWEEN_LOOKS_S)
        second = metrics_at(url)
        now = size if second is None else second.sum(metric)
        if now >= size:
            remedy = "see what is wrong with the exporter, below; once it takes them, they go by themselves"
            return (name, False, f"{now:.0f} records wait on its disk, and do not get fewer", remedy)
        size = now
    return (name, True, f"{size:.0f} records wait on its disk", "")
