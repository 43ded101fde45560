"""Spans of activities under the TracerProvider that we make: all that a span tells, for a third of the cost of the SDK's.

Used only where nobody could tell the difference: our own scope, the default sampler, and no span processor beside ours. Everywhere
else the SDK makes them.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, TracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

__all__ = ["ActivitySpan", "ActivityTracer", "applies_to"]

OnEnd = Callable[["ActivitySpan"], None]

_UNSET: Final = Status()
_MAX_ATTRIBUTES: Final = 128
_MAX_EVENTS: Final = 128
"""OpenTelemetry specification, "Span Limits"."""
_SAMPLED: Final = TraceFlags.SAMPLED
_RANDOM: Final = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)
"""Newer versions of the SDK say that the trace id is random (W3C Trace Context, level 2)."""


class ActivitySpan(trace.Span):
    """A recording span. What few spans have (attributes, events, links) is made when it is asked for.

    Has what the SDK's `ReadableSpan` has, as far as an exporter reads it.
    """

    attributes: Mapping[str, Any] | None = None
    events: list[Event] | tuple[Event, ...] = ()
    links: list[trace.Link] | tuple[trace.Link, ...] = ()
    status = _UNSET
    kind = SpanKind.INTERNAL
    end_time: int | None = None
    dropped_events = dropped_links = 0

    def __init__(
        self, tracer: ActivityTracer, name: str, context: SpanContext, parent: SpanContext | None, start: int
    ) -> None:
        self._tracer = tracer
        self.name = name
        self.context = context
        self.parent = parent
        self.start_time = start

    @property
    def resource(self) -> Any:
        """That of the provider."""
        return self._tracer.resource

    @property
    def instrumentation_scope(self) -> Any:
        """That of our tracer."""
        return self._tracer.scope

    @property
    def dropped_attributes(self) -> int:
        """Those beyond the limit."""
        return self.attributes.dropped if isinstance(self.attributes, BoundedAttributes) else 0

    def get_span_context(self) -> SpanContext:
        """Its ids."""
        return self.context

    def is_recording(self) -> bool:
        """Until it has ended."""
        return self.end_time is None

    def end(self, end_time: int | None = None) -> None:
        """End it, once, and hand it on."""
        if self.end_time is None:
            self.end_time = time.time_ns() if end_time is None else end_time
            self._tracer.on_end(self)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one."""
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set some; values that OpenTelemetry does not carry are left out, with a line in its log."""
        if self.end_time is not None:
            return
        if self.attributes is None:
            self.attributes = BoundedAttributes(_MAX_ATTRIBUTES, {}, immutable=False)
        for key, value in attributes.items():
            self.attributes[key] = value  # type: ignore[index]  # a BoundedAttributes, or an older SDK's

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add one."""
        if self.end_time is not None:
            return
        if not isinstance(self.events, list):
            self.events = []
        if len(self.events) >= _MAX_EVENTS:
            self.events.pop(0)
            self.dropped_events += 1
        self.events.append(Event(name, BoundedAttributes(_MAX_ATTRIBUTES, attributes), timestamp))

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """Add one."""
        if self.end_time is not None:
            return
        if not isinstance(self.links, list):
            self.links = []
        self.links.append(trace.Link(context, BoundedAttributes(_MAX_ATTRIBUTES, attributes)))

    def update_name(self, name: str) -> None:
        """Give it another name."""
        if self.end_time is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Say how it ended; OK is final (OpenTelemetry specification, "Set Status")."""
        new = status if isinstance(status, Status) else Status(status, description)
        if self.end_time is None and self.status.status_code is not StatusCode.OK and not new.is_unset:
            self.status = new

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """Add an event that describes it (Semantic Conventions, "Exceptions")."""
        kind = type(exception)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        described = {
            "exception.type": name,
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**described, **(attributes or {})}, timestamp)


class ActivityTracer(trace.Tracer):
    """Makes `ActivitySpan`s, and leaves to the SDK's tracer what needs more than a name and a start.

    Args:
        sdk: the SDK's tracer of the same scope.
        provider: where ids come from.
        alone: whether ours is the only span processor, asked for each span.
        on_end: takes ended spans.
    """

    def __init__(self, sdk: trace.Tracer, provider: TracerProvider, alone: Callable[[], bool], on_end: OnEnd) -> None:
        self._sdk: Any = sdk
        self._alone = alone
        self._new_trace_id = provider.id_generator.generate_trace_id
        self._new_span_id = provider.id_generator.generate_span_id
        is_random = getattr(provider.id_generator, "is_trace_id_random", lambda: False)()
        self._root_flags = TraceFlags(_SAMPLED | (_RANDOM if is_random else 0))
        self.resource = provider.resource
        self.scope = getattr(sdk, "_instrumentation_scope")  # noqa: B009 (it has no public name)
        self.on_end = on_end

    def start_span(
        self, name: str, context: Any = None, *others: Any, start_time: int | None = None, **more: Any
    ) -> Any:
        """As the SDK's."""
        if others or more or not self._alone():
            return self._sdk.start_span(name, context, *others, start_time=start_time, **more)
        parent: SpanContext | None = trace.get_current_span(context).get_span_context()
        if parent is None or not parent.is_valid:
            parent = None
            made = SpanContext(self._new_trace_id(), self._new_span_id(), False, self._root_flags)
        elif parent.trace_flags & _SAMPLED:
            flags = TraceFlags(parent.trace_flags & (_SAMPLED | _RANDOM))
            made = SpanContext(parent.trace_id, self._new_span_id(), False, flags, parent.trace_state)
        else:
            return self._sdk.start_span(name, context, start_time=start_time)
        return ActivitySpan(self, name, made, parent, time.time_ns() if start_time is None else start_time)

    def start_as_current_span(self, *given: Any, **named: Any) -> Any:
        """As the SDK's, and by it."""
        return self._sdk.start_as_current_span(*given, **named)


def applies_to(provider: TracerProvider) -> bool:
    """Whether the provider samples as `ActivityTracer` does: by the parent, else always."""
    return provider.sampler is DEFAULT_ON
