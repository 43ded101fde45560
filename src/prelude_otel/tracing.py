"""Spans where the application has set up none: a TracerProvider of ours that sends to the same Collector."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from prelude_otel import activity_span
from prelude_otel.activity_span import ActivityTracer
from prelude_otel.otel import SCOPE_NAME
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
        self.provider = _Provider(resource=Resource.create(attributes), shutdown_on_exit=False)
        self._exporter: SpansToCollector | None = None
        trace.set_tracer_provider(self.provider)

    def start(self, settings: Settings) -> None:
        """Send spans where `settings` say, or nowhere."""
        transport = transport_for(settings, "traces") if settings.export_spans else None
        if self._exporter is not None:
            self._exporter.use(transport)
        elif transport is not None:
            self._exporter = SpansToCollector(transport)
            self.provider.send_by(BatchSpanProcessor(self._exporter))

    def stop(self, timeout_s: float) -> None:
        """Flush within the time, then send nothing more."""
        if self._exporter is None:
            return
        # The SDK's flush knows no deadline: it gets a thread of its own, and no more than our time.
        flushing = threading.Thread(target=self.provider.force_flush, name="prelude-otel-flush", daemon=True)
        flushing.start()
        flushing.join(timeout_s)
        self._exporter.use(None)


class _Provider(TracerProvider):
    """The SDK's, but for the spans of activities while nobody else looks at spans."""

    def __init__(self, **settings: Any) -> None:
        self._ours: SpanProcessor | None = None
        self._alone = True
        super().__init__(**settings)

    def send_by(self, processor: SpanProcessor) -> None:
        """Hand every span to this processor of ours."""
        self._ours = processor
        super().add_span_processor(processor)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """The application has one of its own: it shall see every span as the SDK makes it."""
        self._alone = False
        super().add_span_processor(span_processor)

    def get_tracer(self, instrumenting_module_name: str, *others: Any, **more: Any) -> trace.Tracer:
        """As the SDK's."""
        tracer = super().get_tracer(instrumenting_module_name, *others, **more)
        if instrumenting_module_name != SCOPE_NAME or not activity_span.applies_to(self):
            return tracer
        return ActivityTracer(tracer, self, lambda: self._alone, self._on_end)

    def _on_end(self, span: Any) -> None:
        if self._ours is not None:
            self._ours.on_end(span)
