"""An event as OpenTelemetry attributes: the readable twin of the hand-made encoding, used wherever an SDK carries the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.contract import attributes as names

if TYPE_CHECKING:
    from prelude_otel.catalogue.model import Activity
    from prelude_otel.event import ActivityEvent

__all__ = ["flat_attributes", "kind_attributes", "record_attributes"]


_MAX_REMEMBERED: Final = 4096
_Constant = tuple["Activity", dict[str, Any], tuple[str, ...]]
"""A kind, its attributes, and the paths of its personal fields."""
_remembered: dict[int, _Constant] = {}


def record_attributes(event: ActivityEvent) -> dict[str, Any]:  # noqa: C901, PLR0912 (flat: this is on the path of every action)
    """Attributes of the log record; the encoder writes the same ones."""
    attributes = kind_attributes(event.kind)
    attributes[names.RESULT_STATUS] = event.status
    attributes[names.LOG_RECORD_UID] = event.uid
    if event.user_email is not None:
        attributes[names.USER_EMAIL] = event.user_email
    if event.session_id is not None:
        attributes[names.SESSION_ID] = event.session_id
    if event.entity_id is not None:
        attributes[names.ENTITY_ID] = event.entity_id
    if event.page_url is not None:
        attributes[names.PAGE_URL] = event.page_url
    if event.page_route is not None:
        attributes[names.PAGE_ROUTE] = event.page_route
    if event.user_agent is not None:
        attributes[names.USER_AGENT] = event.user_agent
    if event.client_address is not None:
        attributes[names.CLIENT_ADDRESS] = event.client_address
    if event.error_type is not None:
        attributes[names.ERROR_TYPE] = event.error_type
    if event.http_status is not None:
        attributes[names.HTTP_STATUS] = event.http_status
    if event.completes is not None:
        attributes[names.COMPLETES] = event.completes
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
    """Attributes that every event of a kind has, in a new dict."""
    _, remembered, personal = _remembered.get(id(kind)) or _remember(kind)
    attributes = remembered.copy()
    if personal:
        attributes[names.PERSONAL] = list(personal)
    return attributes


def _remember(kind: Activity) -> _Constant:
    attributes: dict[str, Any] = {names.ACTION_TYPE: kind.type, names.ACTION_NAME: kind.name}
    if kind.category is not None:
        attributes[names.ACTION_CATEGORY] = kind.category
    if kind.entity is not None:
        attributes[names.ENTITY_TYPE] = kind.entity
    constant = kind, attributes, kind.personal
    if len(_remembered) < _MAX_REMEMBERED:
        _remembered[id(kind)] = constant  # the reference keeps the id from being given to another
    return constant


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
