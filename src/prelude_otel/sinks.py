"""Where finished events go: our own OTLP pipeline, the application's LoggerProvider, or the span itself."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry import trace

from prelude_otel.attributes import flat_attributes, record_attributes
from prelude_otel.contract.vocabulary import ERROR, TIMEOUT
from prelude_otel.errors import ConfigurationError
from prelude_otel.otel import SCOPE_NAME, scope_version
from prelude_otel.otlp.encode import encode_event, request_prefix
from prelude_otel.otlp.queue import EntryQueue
from prelude_otel.otlp.sender import Sender
from prelude_otel.otlp.transport import transport_for

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry._logs import LoggerProvider

    from prelude_otel.event import ActivityEvent
    from prelude_otel.otlp.backlog import Backlog, Prefix
    from prelude_otel.settings import Settings

__all__ = ["Counts", "OtlpSink", "ProviderSink", "Sink", "SpanEventSink"]


class Counts(NamedTuple):
    """What became of the events that a sink was given. `recovered` and `damaged` are of earlier processes, found in the spool."""

    emitted: int = 0
    sent: int = 0
    waiting: int = 0
    spooled: int = 0
    recovered: int = 0
    damaged: int = 0
    dropped: Mapping[str, int] = MappingProxyType({})


class Sink(Protocol):
    """Takes finished events. `emit` must not wait for a network and may be called from any thread."""

    before_span_end: bool
    """True where the event must be given while its span still takes events."""

    def start(self) -> None:
        """The application starts: whatever an earlier process has left is sent from now on."""

    def emit(self, event: ActivityEvent) -> None:
        """Take one finished event."""

    def flush(self, timeout_s: float) -> bool:
        """True when all that was emitted has been delivered within the time."""

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then give back everything."""

    def counts(self) -> Counts:
        """What became of the events so far."""


class OtlpSink:
    """The default: bytes made in the caller, a backlog in memory or on disk, one thread that sends it."""

    before_span_end = False

    def __init__(self, settings: Settings, resource: Mapping[str, Any]) -> None:
        prefix = request_prefix(resource, SCOPE_NAME, scope_version())
        self._spooled = settings.spool is not None
        self._backlog = _spool(settings, settings.spool, prefix) if settings.spool is not None else EntryQueue(prefix)
        self._sender = Sender(
            self._backlog, lambda: transport_for(settings), linger_s=settings.linger_s, timeout_s=settings.timeout_s
        )

    def start(self) -> None:
        """Look for what an earlier process has left in the spool."""
        if self._spooled:
            self._sender.start()

    def emit(self, event: ActivityEvent) -> None:
        """Encode and keep."""
        self._sender.put(encode_event(event))

    def flush(self, timeout_s: float) -> bool:
        """Send what waits."""
        return self._sender.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Send what waits, then stop the thread."""
        return self._sender.shutdown(timeout_s)

    def counts(self) -> Counts:
        """What became of the events so far."""
        dropped = dict(self._sender.dropped)
        refused_here = dropped.get("queue_full", 0) + dropped.get("after_shutdown", 0)
        in_memory, on_disk = self._backlog.waiting()
        return Counts(
            emitted=self._backlog.accepted + refused_here,
            sent=self._sender.sent,
            waiting=in_memory,
            spooled=on_disk,
            dropped=dropped,
            **self._backlog.notes(),
        )


def _spool(settings: Settings, folder: Path, prefix: Prefix) -> Backlog:
    try:
        from prelude_otel.spool import Spool
        from prelude_otel.spool.folder import SpoolFolder
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"spool={str(folder)!r} needs file locks as Unix has them ({error}); leave it out on this system"
        ) from error
    return Spool(SpoolFolder(folder), prefix, max_bytes=settings.spool_max_bytes, fsync=settings.spool_fsync)


class _Counting:
    """The counts of a sink whose delivery is somebody else's: emitted is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._emitted = 0
        self._dropped: Counter[str] = Counter()

    def start(self) -> None:
        """Nothing is left from an earlier process."""

    def _count(self, dropped: str | None = None) -> None:
        with self._lock:
            self._emitted += 1
            if dropped is not None:
                self._dropped[dropped] += 1

    def counts(self) -> Counts:
        """What is handed on counts as sent; none waits here."""
        with self._lock:
            return Counts(self._emitted, self._emitted - self._dropped.total(), dropped=dict(self._dropped))


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
