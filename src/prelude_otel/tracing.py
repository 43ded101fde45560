"""Spans where the application has set up none: a TracerProvider of ours that sends to the same Collector."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from prelude_otel.otlp.spans import SpansToCollector
from prelude_otel.otlp.transport import transport_for

if TYPE_CHECKING:
    from prelude_otel.settings import Settings

__all__ = ["OwnTracing"]


class OwnTracing:
    """The TracerProvider that we set where the application has none.

    OpenTelemetry lets nobody replace a global provider, so it is made once in a process, and lives through `shutdown` and the
    next `instrument`; only where its spans go changes.
    """

    def __init__(self, service_name: str | None) -> None:
        attributes = {"service.name": service_name} if service_name else {}
        self.provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        self._exporter: SpansToCollector | None = None
        trace.set_tracer_provider(self.provider)

    def start(self, settings: Settings) -> None:
        """Send spans where `settings` say, or nowhere."""
        transport = transport_for(settings, "traces") if settings.export_spans else None
        if self._exporter is not None:
            self._exporter.use(transport)
        elif transport is not None:
            self._exporter = SpansToCollector(transport)
            self.provider.add_span_processor(BatchSpanProcessor(self._exporter))

    def stop(self, timeout_s: float) -> None:
        """Flush within the time, then send nothing more."""
        if self._exporter is None:
            return
        # The SDK's flush knows no deadline: it gets a thread of its own, and no more than our time.
        flushing = threading.Thread(target=self.provider.force_flush, name="prelude-otel-flush", daemon=True)
        flushing.start()
        flushing.join(timeout_s)
        self._exporter.use(None)
