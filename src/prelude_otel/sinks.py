"""Where finished events go: our own OTLP pipeline, the application's LoggerProvider, or the span itself."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace

from prelude_otel.attributes import flat_attributes, record_attributes
from prelude_otel.contract.vocabulary import ERROR, TIMEOUT
from prelude_otel.otel import SCOPE_NAME, scope_version
from prelude_otel.otlp.encode import encode_event, request_prefix
from prelude_otel.otlp.queue import EntryQueue
from prelude_otel.otlp.sender import Sender
from prelude_otel.otlp.transport import transport_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import LoggerProvider

    from prelude_otel.event import ActivityEvent
    from prelude_otel.settings import Settings

__all__ = ["OtlpSink", "ProviderSink", "Sink", "SpanEventSink"]


class Sink(Protocol):
    """Takes finished events. `emit` must not block and may be called from any thread."""

    before_span_end: bool
    """True where the event must be given while its span still takes events."""

    def emit(self, event: ActivityEvent) -> None:
        """Take one finished event."""

    def flush(self, timeout_s: float) -> bool:
        """True when all that was emitted has been delivered within the time."""

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then give back everything."""

    def counts(self) -> tuple[int, int, int, Mapping[str, int]]:
        """Emitted, sent, waiting, and dropped by reason."""


class OtlpSink:
    """The default: bytes made in the caller, a bounded queue, one thread that sends them."""

    before_span_end = False

    def __init__(self, settings: Settings, resource: Mapping[str, Any]) -> None:
        self._queue = EntryQueue()
        self._sender = Sender(
            self._queue,
            lambda: transport_for(settings),
            request_prefix(resource, SCOPE_NAME, scope_version()),
            linger_s=settings.linger_s,
            timeout_s=settings.timeout_s,
        )

    def emit(self, event: ActivityEvent) -> None:
        """Encode and queue."""
        self._sender.put(encode_event(event))

    def flush(self, timeout_s: float) -> bool:
        """Send what waits."""
        return self._sender.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Send what waits, then stop the thread."""
        return self._sender.shutdown(timeout_s)

    def counts(self) -> tuple[int, int, int, Mapping[str, int]]:
        """Emitted, sent, waiting, dropped."""
        dropped = dict(self._sender.dropped)
        refused_here = dropped.get("queue_full", 0) + dropped.get("after_shutdown", 0)
        return self._queue.accepted + refused_here, self._sender.sent, len(self._queue), dropped


class _Counting:
    """The counts of a sink whose delivery is somebody else's: emitted is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._emitted = 0
        self._dropped: Counter[str] = Counter()

    def _count(self, dropped: str | None = None) -> None:
        with self._lock:
            self._emitted += 1
            if dropped is not None:
                self._dropped[dropped] += 1

    def counts(self) -> tuple[int, int, int, Mapping[str, int]]:
        """Emitted, handed on, none waiting here, dropped."""
        with self._lock:
            return self._emitted, self._emitted - self._dropped.total(), 0, dict(self._dropped)


class ProviderSink(_Counting):
    """Through the application's LoggerProvider, for those who want every processor of theirs to see activities."""

    before_span_end = False

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        from prelude_otel.otel_logs import log_emitter  # the SDK's half for logs: no other sink needs it

        self._provider: Any = provider
        self._emit = log_emitter(provider)

    def emit(self, event: ActivityEvent) -> None:
        """Hand over as a log record with an EventName."""
        span = event.span
        if span is None and event.span_context is not None:
            span = trace.NonRecordingSpan(event.span_context)
        start_ns = event.start_ns
        self._emit(
            event.kind.event_name,
            record_attributes(event),
            start_ns,
            start_ns + (event.duration_ns or 0),
            span,
            event.status in (ERROR, TIMEOUT),
        )
        self._count()

    def flush(self, timeout_s: float) -> bool:
        """Flush the application's provider."""
        return bool(self._provider.force_flush(int(timeout_s * 1000)))

    def shutdown(self, timeout_s: float) -> bool:
        """Flush; the provider itself is the application's to shut down."""
        return self.flush(timeout_s)


class SpanEventSink(_Counting):
    """As an event of the activity's span, for services that send traces only. A span that is not sampled carries nothing."""

    before_span_end = True

    def __init__(self, provider: trace.TracerProvider) -> None:
        super().__init__()
        self._provider: Any = provider
        self._tracer = provider.get_tracer(SCOPE_NAME, scope_version())

    def emit(self, event: ActivityEvent) -> None:
        """Add the event to its span, or to the span around a fact, or to one of no length."""
        name = event.kind.event_name
        span = event.span
        if span is None:
            around = trace.get_current_span()
            span = around if around.is_recording() else self._tracer.start_span(name, start_time=event.start_ns)
        if not span.is_recording():
            self._count(dropped="not_sampled")
            return
        span.add_event(name, flat_attributes(event), timestamp=event.start_ns)
        if event.span is None and span is not trace.get_current_span():
            span.end(end_time=event.start_ns)
        self._count()

    def flush(self, timeout_s: float) -> bool:
        """Flush the TracerProvider."""
        flush = getattr(self._provider, "force_flush", None)
        return bool(flush(int(timeout_s * 1000))) if flush is not None else True

    def shutdown(self, timeout_s: float) -> bool:
        """Flush; spans end with their provider."""
        return self.flush(timeout_s)
