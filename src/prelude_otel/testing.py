"""For tests of services: see which activities a piece of code makes, with deterministic ids and times, and no network.

The pytest plugin that comes with the package offers the same as the fixture ``activities``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

from opentelemetry.sdk.trace import TracerProvider

from prelude_otel import problems, state
from prelude_otel.attributes import record_attributes
from prelude_otel.catalogue import Catalogue
from prelude_otel.contract import attributes as names
from prelude_otel.contract.duration import duration_ms
from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.request import worker_user
from prelude_otel.runtime import Clock, Runtime
from prelude_otel.settings import read_settings
from prelude_otel.sinks import Counts

if TYPE_CHECKING:
    from prelude_otel.event import ActivityEvent

__all__ = ["CapturedActivities", "CapturedActivity", "capture_activities"]

_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class CapturedActivity:
    """One emitted activity, with the names of the row that it would become."""

    event_id: str
    timestamp: datetime
    action_type: str
    action_name: str
    action_category: str | None
    user_email: str | None
    session_id: str | None
    entity_type: str | None
    entity_id: str | None
    page_url: str | None
    page_route: str | None
    user_agent: str | None
    ip_address: str | None
    action_data: Mapping[str, Any]
    result_status: str
    result_data: Mapping[str, Any]
    error_type: str | None
    http_status: int | None
    handler_ran: bool
    duration_ms: int | None
    tags: tuple[str, ...]
    completes_event_id: str | None
    trace_id: str | None
    span_id: str | None
    attributes: Mapping[str, Any]
    """All attributes of the event, as they travel."""

    @property
    def name(self) -> str:
        """``type.name``."""
        return f"{self.action_type}.{self.action_name}"


class CapturedActivities:
    """What `capture_activities` has seen so far, in the order in which the activities ended."""

    def __init__(self) -> None:
        self._events: list[CapturedActivity] = []

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[CapturedActivity]:
        return iter(tuple(self._events))

    @overload
    def __getitem__(self, index: int) -> CapturedActivity: ...
    @overload
    def __getitem__(self, index: slice) -> list[CapturedActivity]: ...
    def __getitem__(self, index: int | slice) -> CapturedActivity | list[CapturedActivity]:
        return self._events[index]

    def __repr__(self) -> str:
        return f"<activities: {', '.join(f'{event.name} {event.result_status}' for event in self) or 'none'}>"

    @property
    def names(self) -> list[str]:
        """``type.name`` of each."""
        return [event.name for event in self]

    def only(self, name: str | None = None) -> CapturedActivity:
        """The one activity, or the one called `name`.

        Raises:
            AssertionError: there is none, or more than one; says what there is.
        """
        found = [event for event in self if name is None or event.name == name]
        if len(found) != 1:
            raise AssertionError(f"expected one activity{f' {name}' if name else ''}, got {self!r}")
        return found[0]

    def clear(self) -> None:
        """Forget what was seen."""
        self._events.clear()

    # The side of the sink.

    before_span_end = False

    def start(self) -> None:
        """Nothing is left from an earlier process."""

    def emit(self, event: ActivityEvent) -> None:
        """Take one finished event."""
        self._events.append(_captured(event))

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002
        """Nothing is on its way."""
        return True

    def shutdown(self, timeout_s: float) -> bool:  # noqa: ARG002
        """Nothing to give back."""
        return True

    def counts(self) -> Counts:
        """All emitted, all here."""
        return Counts(emitted=len(self), sent=len(self))


@contextmanager
def capture_activities(*, start: datetime = _START, seed: int = 0) -> Iterator[CapturedActivities]:
    """Within it, activities are kept in a list, nothing is sent, and our own errors are raised where they happen.

    Works with and without a call of `instrument`. A worker's `set_user` is forgotten at the end.

    Args:
        start: time of the first activity; the clock goes on by a millisecond whenever it is read.
        seed: of the ids.
    """
    captured = CapturedActivities()
    with state.lock:
        before = state.runtime
        runtime = _runtime(before, captured, _clock(start, seed))
        state.set_runtime(runtime)
    user = worker_user.set((None, None))
    try:
        with problems.strict():
            yield captured
    finally:
        worker_user.reset(user)
        with state.lock:
            if state.runtime is runtime:
                state.set_runtime(before)


def _runtime(present: Runtime | None, captured: CapturedActivities, clock: Clock) -> Runtime:
    if present is not None:
        return Runtime(present.settings, present.catalogue, present.provider, captured, clock=clock)
    provider = TracerProvider(shutdown_on_exit=False)
    return Runtime(read_settings(environ={}), Catalogue(state.declared), provider, captured, clock=clock)


def _clock(start: datetime, seed: int) -> Clock:
    ticks = itertools.count(0, _STEP_NS)
    start_ns = int(start.timestamp()) * 1_000_000_000 + start.microsecond * 1000
    bits = random.Random(seed).getrandbits  # noqa: S311 (deterministic on purpose)
    return Clock(
        now_ns=lambda: start_ns + next(ticks),
        tick_ns=lambda: next(ticks),
        new_uid=lambda unix_ns: uuid7_text(unix_ns, bits),
    )


def _captured(event: ActivityEvent) -> CapturedActivity:
    attributes = record_attributes(event)
    context = event.span_context
    return CapturedActivity(
        event_id=event.uid,
        timestamp=datetime.fromtimestamp(event.start_ns // 1000 / 1_000_000, UTC),
        action_type=event.kind.type,
        action_name=event.kind.name,
        action_category=event.kind.category,
        user_email=event.user_email,
        session_id=event.session_id,
        entity_type=event.kind.entity,
        entity_id=event.entity_id,
        page_url=event.page_url,
        page_route=event.page_route,
        user_agent=event.user_agent,
        ip_address=event.client_address,
        action_data=attributes.get(names.ACTION_DATA, {}),
        result_status=event.status,
        result_data=attributes.get(names.RESULT_DATA, {}),
        error_type=event.error_type,
        http_status=event.http_status,
        handler_ran=event.handler_ran,
        duration_ms=None if event.duration_ns is None else duration_ms(event.duration_ns),
        tags=tuple(event.tags or ()),
        completes_event_id=event.completes,
        trace_id=f"{context.trace_id:032x}" if context is not None else None,
        span_id=f"{context.span_id:016x}" if context is not None else None,
        attributes=attributes,
    )
