"""An event as OpenTelemetry attributes: the readable twin of the hand-made encoding, used wherever an SDK carries the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prelude_otel.contract import attributes as names

if TYPE_CHECKING:
    from prelude_otel.catalogue.model import Activity
    from prelude_otel.event import ActivityEvent

__all__ = ["flat_attributes", "kind_attributes", "record_attributes"]


def record_attributes(event: ActivityEvent) -> dict[str, Any]:
    """Attributes of the log record, in the order in which the encoder writes them."""
    attributes = kind_attributes(event.kind)
    attributes[names.RESULT_STATUS] = event.status
    attributes[names.LOG_RECORD_UID] = event.uid
    for name, value in (
        (names.USER_EMAIL, event.user_email),
        (names.SESSION_ID, event.session_id),
        (names.ENTITY_ID, event.entity_id),
        (names.PAGE_URL, event.page_url),
        (names.PAGE_ROUTE, event.page_route),
        (names.USER_AGENT, event.user_agent),
        (names.CLIENT_ADDRESS, event.client_address),
        (names.ERROR_TYPE, event.error_type),
        (names.HTTP_STATUS, event.http_status),
        (names.COMPLETES, event.completes),
    ):
        if value is not None:
            attributes[name] = value
    if event.data:
        attributes[names.ACTION_DATA] = event.data
    if event.result_data:
        attributes[names.RESULT_DATA] = event.result_data
    if event.tags:
        attributes[names.TAGS] = event.tags
    if not event.handler_ran:
        attributes[names.HANDLER_RAN] = False
    if event.duration_ns is None:
        attributes[names.SPAN_JOIN] = False
    else:
        attributes[names.SPAN_DURATION_NS] = event.duration_ns
    return attributes


def kind_attributes(kind: Activity) -> dict[str, Any]:
    """Attributes that every event of a kind has."""
    attributes: dict[str, Any] = {names.ACTION_TYPE: kind.type, names.ACTION_NAME: kind.name}
    if kind.category is not None:
        attributes[names.ACTION_CATEGORY] = kind.category
    if kind.entity is not None:
        attributes[names.ENTITY_TYPE] = kind.entity
    if kind.personal:
        attributes[names.PERSONAL] = list(kind.personal)
    return attributes


def flat_attributes(event: ActivityEvent) -> dict[str, Any]:
    """Attributes of the span event: maps as JSON text, since a span's attributes hold none.

    The length is that of the event's own span; a fact on somebody else's span brings its own, or says that it has none.
    """
    attributes = record_attributes(event)
    if event.span is not None:
        attributes.pop(names.SPAN_DURATION_NS, None)
    for name in (names.ACTION_DATA, names.RESULT_DATA):
        if name in attributes:
            attributes[name] = json.dumps(attributes[name], ensure_ascii=False, separators=(",", ":"))
    return attributes
