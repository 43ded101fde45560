"""What lands in the store: the row of an activity, and what may come in the same batch."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ActivityRow", "Payload", "Probe", "Quarantined", "SpanLength"]


class ActivityRow(NamedTuple):
    """One row of ``user_activity_logs``, in the order of the COPY. `architecture.md`, "The contract", says where each comes from.

    Args:
        timestamp_us: start of the action, in microseconds since the epoch.
        event_id: uuid as text, lower case.
        action_data: a JSON object as text.
        result_data: a JSON object as text.
        duration_ms: length of the action's span, or None while it is unknown.
        trace_id: 32 hexadecimal digits, lower case.
        span_id: 16 hexadecimal digits, lower case.
        content_hash: 16 bytes over the row as decoded, without `duration_ms`: tells a resend from other content under the same id.
        waits: not a column. The duration comes by joining the span with `trace_id` and `span_id`.
    """

    timestamp_us: int
    event_id: str
    user_email: str | None
    session_id: str | None
    action_type: str
    action_name: str
    action_category: str | None
    entity_type: str | None
    entity_id: str | None
    page_url: str | None
    page_route: str | None
    service_name: str | None
    user_agent: str | None
    ip_address: str | None
    action_data: str | None
    result_status: str
    result_data: str | None
    duration_ms: int | None
    tags: tuple[str, ...] | None
    completes_event_id: str | None
    personal_paths: tuple[str, ...] | None
    trace_id: str | None
    span_id: str | None
    content_hash: bytes
    waits: bool = False


class SpanLength(NamedTuple):
    """The length of a span that a record may be waiting for, in nanoseconds."""

    trace_id: str
    span_id: str
    duration_ns: int


class Payload(NamedTuple):
    """A record as it came: a request of its own, of this signal, that can be replayed.

    Args:
        signal: ``logs`` or ``traces``.
        content: the request's bytes.
    """

    signal: str
    content: bytes


class Quarantined(NamedTuple):
    """A record that can't become a row.

    Args:
        signal: ``logs`` or ``traces``.
        reason: short and fit for counting, e.g. ``unknown_status``.
        detail: what was found, for a person.
        payload: the record as it came, so that it can be replayed.
    """

    signal: str
    reason: str
    detail: str
    payload: bytes


class Probe(NamedTuple):
    """The marked record of ``prelude doctor``; `sent_us` in microseconds since the epoch."""

    probe_id: str
    service_name: str | None
    sent_us: int
