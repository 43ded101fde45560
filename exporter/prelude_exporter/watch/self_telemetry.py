"""The exporter's own metrics by OTLP, where that is asked for. Metrics alone, which no exporter of ours takes: nothing can come back."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from prelude_exporter.settings import Address
from prelude_exporter.watch.bridge import metrics_data
from prelude_otel.errors import ConfigurationError, MissingExtraError
from prelude_otel.secrets import masked

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["SelfTelemetry"]

_log = logging.getLogger(__name__)
_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_LAST_MILLIS: Final = 2000
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class SelfTelemetry:
    """Sends all of `registry` every minute (``OTEL_METRIC_EXPORT_INTERVAL``), by a thread of its own, as the ``OTEL_EXPORTER_OTLP_*`` say.

    Args:
        registry: what /metrics shows.
        own: where this exporter listens by HTTP.

    Raises:
        MissingExtraError: the extra ``telemetry`` is not installed.
        ConfigurationError: nothing says where to, or it would send to itself, or the interval is no number.
    """

    def __init__(self, registry: CollectorRegistry, own: Address) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        except ModuleNotFoundError as error:
            raise MissingExtraError("PRELUDE_SELF_TELEMETRY", "telemetry", error.name or "") from error
        self.endpoint = _endpoint(own)
        self._interval = _seconds()
        self._registry = registry
        self._resource = Resource.create(
            {
                "service.name": os.environ.get("OTEL_SERVICE_NAME") or "prelude-exporter",
                "service.version": version("prelude-otel"),
                "service.instance.id": str(uuid4()),
            }
        )
        self._scope = InstrumentationScope("prelude_exporter", version("prelude-otel"))
        self._started = time.time_ns()
        self._exporter: Any = OTLPMetricExporter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prelude-self-telemetry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send once more, and end; takes two seconds or so at most."""
        self._stopping.set()
        self._thread.join(_LAST_MILLIS / 1000)
        with suppress(Exception):
            self._exporter.shutdown(timeout_millis=_LAST_MILLIS)

    def _work(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(self._interval)
            try:
                data = metrics_data(self._registry, self._resource, self._scope, self._started, time.time_ns())
                self._exporter.export(data, timeout_millis=_LAST_MILLIS if last else 10_000)
            except Exception as error:  # noqa: BLE001 (our telemetry may never cost a row)
                _log.warning("the exporter's own metrics could not be sent: %s", error)


def _endpoint(own: Address) -> str:
    given = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if given is None:
        raise ConfigurationError(f"self-telemetry is on, and nothing says where it goes: set {_ENDPOINTS[0]}")
    try:
        parts = urlsplit(given)
        here = parts.port == own.port and (
            parts.hostname == own.host or Address(parts.hostname or "", own.port).loopback
        )
    except ValueError:
        raise ConfigurationError(f"{masked(given)!r} is no URL for self-telemetry") from None
    if here:
        raise ConfigurationError(
            f"{masked(given)} is this exporter itself; self-telemetry goes to another receiver of OTLP metrics"
        )
    return masked(given)


def _seconds() -> float:
    text = os.environ.get(_INTERVAL, "60000")
    try:
        number = float(text) / 1000
    except ValueError:
        number = 0.0
    if number <= 0:
        raise ConfigurationError(f"{_INTERVAL}={text!r} is no number of milliseconds")
    return number
