"""What one `instrument` set up, and the two steps that every activity takes: begin and finish."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from prelude_otel import problems
from prelude_otel.catalogue import Activity, Catalogue
from prelude_otel.contract import attributes as names
from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.contract.vocabulary import ERROR, PENDING, SUCCESS, TIMEOUT
from prelude_otel.event import ActivityEvent, current_event
from prelude_otel.otel import context_with, tracer_of
from prelude_otel.request import current_request, worker_user

if TYPE_CHECKING:
    from prelude_otel.request import RequestState
    from prelude_otel.settings import Settings
    from prelude_otel.sinks import Sink

__all__ = ["Clock", "Entered", "Runtime", "error_type_of"]

_FAILED: Final = Status(StatusCode.ERROR)
_UNHAPPY: Final = (ERROR, TIMEOUT)
_GATEWAY_TIMEOUT: Final = 504
_FIRST_ERROR: Final = 400

Entered = tuple["Token[otel_context.Context]", "Token[ActivityEvent | None]"]


class Clock:
    """Where times and ids come from; the test helpers put a deterministic one in its place."""

    __slots__ = ("new_uid", "now_ns", "tick_ns")

    def __init__(
        self,
        now_ns: Callable[[], int] = time.time_ns,
        tick_ns: Callable[[], int] = time.perf_counter_ns,
        new_uid: Callable[[int], str] = uuid7_text,
    ) -> None:
        self.now_ns = now_ns
        self.tick_ns = tick_ns
        self.new_uid = new_uid


class Runtime:
    """Everything that a running service needs to make activities of its actions."""

    __slots__ = ("catalogue", "clock", "implicit", "provider", "settings", "sink", "tracer")

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        provider: trace.TracerProvider,
        sink: Sink,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.provider = provider
        self.tracer = tracer_of(provider)
        self.sink = sink
        self.clock = clock or Clock()
        self.implicit = False
        """True where a compatible logger set itself up before anybody called `instrument`."""

    def begin(self, kind: Activity, event_name: str) -> tuple[ActivityEvent, Entered, int]:
        """Start an activity and its span, and make both current."""
        clock = self.clock
        start_ns = clock.now_ns()
        span = self.tracer.start_span(event_name, start_time=start_ns)
        event = ActivityEvent(kind, start_ns, clock.new_uid(start_ns))
        event.span = span
        context = span.get_span_context()
        event.span_context = context if context.is_valid else None
        event.request = current_request.get()
        event.settings = self.settings
        entered = (otel_context.attach(context_with(span, otel_context.get_current())), current_event.set(event))
        return event, entered, clock.tick_ns()

    def leave(self, event: ActivityEvent, entered: Entered, started_ns: int) -> None:
        """The action itself is over: measure it, and make what was current before current again."""
        event.duration_ns = max(0, self.clock.tick_ns() - started_ns)
        try:
            current_event.reset(entered[1])
        except ValueError:
            return  # a generator that goes on in another context: what was current there is gone with it
        otel_context.detach(entered[0])

    def fact(self, kind: Activity, start_ns: int | None = None) -> ActivityEvent:
        """An event without a span of its own; it belongs to the trace that is current."""
        start_ns = self.clock.now_ns() if start_ns is None else start_ns
        event = ActivityEvent(kind, start_ns, self.clock.new_uid(start_ns))
        context = trace.get_current_span().get_span_context()
        event.span_context = context if context.is_valid else None
        event.request = current_request.get()
        event.settings = self.settings
        return event

    def finish(self, event: ActivityEvent, http_status: int | None = None) -> None:
        """Settle result and user, end the span, emit. The second call for one event does nothing."""
        if event.finished:
            return
        if http_status is not None and http_status >= _FIRST_ERROR:
            _apply_status(event, http_status)
        request = event.request
        email, session_id = worker_user.get() if request is None else request.user()
        event.user_email = event.user_email or email
        event.session_id = event.session_id or session_id
        if request is not None:
            _settle_request(event, request)
        event.finished = True
        span = event.span
        sink = self.sink
        if span is None:
            sink.emit(event)
            return
        if event.status in _UNHAPPY:
            span.set_status(_FAILED)
            span.set_attribute(names.ERROR_TYPE, event.error_type or event.status)
        if sink.before_span_end:
            sink.emit(event)
        try:
            span.end(event.start_ns + (event.duration_ns or 0))
        except Exception as error:  # noqa: BLE001 (a span processor of the application's)
            problems.report("ending the span", error)
        if not sink.before_span_end:
            sink.emit(event)


def _settle_request(event: ActivityEvent, request: RequestState) -> None:
    event.client_address = event.client_address or request.client_address()
    event.user_agent = event.user_agent or request.user_agent()
    if event.page_url is None:
        event.page_url = request.scope.get("path")
        event.page_route = event.page_route or request.route()


def fail(event: ActivityEvent, error: BaseException) -> None:
    """Give the event the result that an exception stands for."""
    if isinstance(error, TimeoutError):
        event.status = TIMEOUT
    else:
        event.status = TIMEOUT if _status_of(error) == _GATEWAY_TIMEOUT else ERROR
    event.error_type = error_type_of(error)


def error_type_of(error: BaseException) -> str:
    """``error.type``: the status of an HTTP exception, ``cancelled``, else the class by its full name (Semantic Conventions, error)."""
    status = _status_of(error)
    if status is not None:
        return str(status)
    if isinstance(error, CancelledError):
        return "cancelled"
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _status_of(error: BaseException) -> int | None:
    try:
        status = getattr(error, "status_code", None)
    except Exception:  # noqa: BLE001 (a property of the application's)
        return None
    return status if type(status) is int else None


def _apply_status(event: ActivityEvent, http_status: int) -> None:
    event.http_status = http_status
    timed_out = event.status == TIMEOUT or http_status == _GATEWAY_TIMEOUT
    if event.status in (SUCCESS, PENDING) or event.error_type == "cancelled":
        event.error_type = str(http_status)
    event.status = TIMEOUT if timed_out else ERROR


def safely(where: str, step: Callable[..., object], *args: Any) -> None:
    """Run one of our own steps; its failure is a problem of ours, never the caller's."""
    try:
        step(*args)
    except Exception as error:  # noqa: BLE001 (see above)
        problems.report(where, error)
