"""An event as OpenTelemetry attributes: the readable twin of the hand-made encoding, used wherever an SDK carries the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prelude_otel.contract import attributes as names

if TYPE_CHECKING:
    from prelude_otel.event import ActivityEvent

__all__ = ["flat_attributes", "record_attributes"]


def record_attributes(event: ActivityEvent) -> dict[str, Any]:
    """Attributes of the log record, in the order in which the encoder writes them."""
    kind = event.kind
    given: dict[str, Any] = {
        names.ACTION_TYPE: kind.type,
        names.ACTION_NAME: kind.name,
        names.ACTION_CATEGORY: kind.category,
        names.ENTITY_TYPE: kind.entity,
        names.PERSONAL: list(kind.personal) or None,
        names.LOG_RECORD_UID: event.uid,
        names.RESULT_STATUS: event.status,
        names.USER_EMAIL: event.user_email,
        names.SESSION_ID: event.session_id,
        names.ENTITY_ID: event.entity_id,
        names.PAGE_URL: event.page_url,
        names.PAGE_ROUTE: event.page_route,
        names.USER_AGENT: event.user_agent,
        names.CLIENT_ADDRESS: event.client_address,
        names.ACTION_DATA: event.data or None,
        names.RESULT_DATA: event.result_data or None,
        names.TAGS: event.tags or None,
        names.ERROR_TYPE: event.error_type,
        names.HTTP_STATUS: event.http_status,
        names.HANDLER_RAN: None if event.handler_ran else False,
        names.COMPLETES: event.completes,
        names.SPAN_DURATION_NS: event.duration_ns,
        names.SPAN_JOIN: None if event.duration_ns is not None else False,
    }
    return {name: value for name, value in given.items() if value is not None}


def flat_attributes(event: ActivityEvent) -> dict[str, Any]:
    """Attributes of the span event: maps as JSON text, since a span's attributes hold none; the length is the span's own."""
    attributes = record_attributes(event)
    attributes.pop(names.SPAN_DURATION_NS, None)
    for name in (names.ACTION_DATA, names.RESULT_DATA):
        if name in attributes:
            attributes[name] = json.dumps(attributes[name], ensure_ascii=False, separators=(",", ":"))
    return attributes
