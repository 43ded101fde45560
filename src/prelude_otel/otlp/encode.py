"""An event to the bytes of one entry of `ScopeLogs.log_records`, and entries to an `ExportLogsServiceRequest`.

Field numbers: opentelemetry-proto 1.9, logs/v1/logs.proto and common/v1/common.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.attributes import kind_attributes
from prelude_otel.contract import attributes as names
from prelude_otel.contract.vocabulary import ERROR, STATUSES, TIMEOUT
from prelude_otel.otlp.wire import (
    Heads,
    RememberedAttribute,
    any_value,
    entries,
    head,
    key_prefix,
    length_delimited,
    string_attribute,
    text,
    value_attribute,
    varint,
)

if TYPE_CHECKING:
    from prelude_otel.catalogue.model import Activity
    from prelude_otel.event import ActivityEvent

__all__ = ["encode_event", "export_request", "request_prefix"]

SEVERITY_INFO: Final = 9
SEVERITY_ERROR: Final = 17

# time_unix_nano, observed_time_unix_nano, flags, trace_id, span_id: one pack for all that has a fixed place.
_HEAD: Final = Struct("<BQBQBIBB16sBB8s").pack
_HEAD_WITHOUT_TRACE: Final = Struct("<BQBQ").pack

_EMAIL: Final = RememberedAttribute(names.USER_EMAIL)
_SESSION: Final = RememberedAttribute(names.SESSION_ID)
_ENTITY_ID: Final = RememberedAttribute(names.ENTITY_ID)
_PAGE_URL: Final = RememberedAttribute(names.PAGE_URL)
_PAGE_ROUTE: Final = RememberedAttribute(names.PAGE_ROUTE)
_USER_AGENT: Final = RememberedAttribute(names.USER_AGENT)
_CLIENT: Final = RememberedAttribute(names.CLIENT_ADDRESS)
_ERROR_TYPE: Final = RememberedAttribute(names.ERROR_TYPE)
_COMPLETES: Final = key_prefix(names.COMPLETES)
_ACTION_DATA: Final = Heads(b"\x32", key_prefix(names.ACTION_DATA), b"\x32")
_RESULT_DATA: Final = Heads(b"\x32", key_prefix(names.RESULT_DATA), b"\x32")
_TAGS: Final = key_prefix(names.TAGS)
_HTTP_STATUS: Final = key_prefix(names.HTTP_STATUS)
_DURATION: Final = Heads(b"\x32", key_prefix(names.SPAN_DURATION_NS))
_RECORD: Final = Heads(b"\x12")
_NOT_RAN: Final = value_attribute(key_prefix(names.HANDLER_RAN), any_value(False))
_NO_JOIN: Final = value_attribute(key_prefix(names.SPAN_JOIN), any_value(False))

_STATUS: Final = {
    status: b"\x10"
    + varint(SEVERITY_ERROR if status in (ERROR, TIMEOUT) else SEVERITY_INFO)
    + string_attribute(key_prefix(names.RESULT_STATUS), status)
    for status in STATUSES
}

_UID_LENGTH: Final = 36
_UID: Final = head(_UID_LENGTH, b"\x32", key_prefix(names.LOG_RECORD_UID), b"\x0a")
"""What stands before the uid: its text is that of a UUID, and so always of one length."""

_MAX_REMEMBERED: Final = 4096
_constants: dict[int, tuple[Activity, dict[str, bytes]]] = {}
"""For each kind in use, by status: all that its records have in common, up to the uid."""


def encode_event(event: ActivityEvent) -> bytes:  # noqa: PLR0912 (flat: a call for each attribute would cost more than it)
    """One entry: the tag of `ScopeLogs.log_records`, a length, and the LogRecord."""
    kind = event.kind
    _, constant = _constants.get(id(kind)) or _remember(kind)
    duration_ns = event.duration_ns
    start_ns = event.start_ns
    context = event.span_context
    if context is None:
        fixed = _HEAD_WITHOUT_TRACE(0x09, start_ns, 0x59, start_ns + (duration_ns or 0))
    else:
        trace_id, span_id, _, flags, _, _ = context  # a tuple by its declaration; its properties cost a call each
        fixed = _HEAD(
            0x09, start_ns, 0x59, start_ns + (duration_ns or 0),
            0x45, flags, 0x4A, 16, trace_id.to_bytes(16), 0x52, 8, span_id.to_bytes(8),
        )  # fmt: skip
    parts = [fixed, constant[event.status], event.uid.encode()]
    add = parts.append
    if event.user_email is not None:
        add(_EMAIL[event.user_email])
    if event.session_id is not None:
        add(_SESSION[event.session_id])
    if event.entity_id is not None:
        add(_ENTITY_ID[event.entity_id])
    if event.page_url is not None:
        add(_PAGE_URL[event.page_url])
    if event.page_route is not None:
        add(_PAGE_ROUTE[event.page_route])
    if event.user_agent is not None:
        add(_USER_AGENT[event.user_agent])
    if event.client_address is not None:
        add(_CLIENT[event.client_address])
    if event.data:
        content = entries(event.data)
        add(_ACTION_DATA[len(content)])
        add(content)
    if duration_ns is not None:
        content = b"\x18" + varint(duration_ns)
        add(_DURATION[len(content)])
        add(content)
    else:
        add(_NO_JOIN)
    if (
        event.error_type is not None
        or event.result_data
        or event.tags
        or event.http_status is not None
        or not event.handler_ran
        or event.completes is not None
    ):
        _add_rare(event, parts)
    body = b"".join(parts)
    return _RECORD[len(body)] + body


def _add_rare(event: ActivityEvent, parts: list[bytes]) -> None:
    if event.result_data:
        content = entries(event.result_data)
        parts += (_RESULT_DATA[len(content)], content)
    if event.tags:
        parts.append(value_attribute(_TAGS, any_value(event.tags)))
    if event.error_type is not None:
        parts.append(_ERROR_TYPE[event.error_type])
    if event.http_status is not None:
        parts.append(value_attribute(_HTTP_STATUS, any_value(event.http_status)))
    if not event.handler_ran:
        parts.append(_NOT_RAN)
    if event.completes is not None:
        parts.append(string_attribute(_COMPLETES, event.completes))


def _remember(kind: Activity) -> tuple[Activity, dict[str, bytes]]:
    parts = [length_delimited(b"\x62", text(kind.event_name))]
    parts.extend(value_attribute(key_prefix(name), any_value(value)) for name, value in kind_attributes(kind).items())
    constant = b"".join(parts)
    remembered = kind, {status: constant + encoded + _UID for status, encoded in _STATUS.items()}
    if len(_constants) < _MAX_REMEMBERED:
        _constants[id(kind)] = remembered  # the reference keeps the id from being given to another
    return remembered


def request_prefix(resource: Mapping[str, Any], scope_name: str, scope_version: str) -> tuple[bytes, bytes]:
    """The constant parts of a request: `ResourceLogs.resource`, and `ScopeLogs.scope`, each with its tag."""
    attributes = b"".join(
        length_delimited(b"\x0a", key_prefix(key) + varint(len(value)) + value)
        for key, value in (
            (key, any_value(list(item) if isinstance(item, tuple) else item)) for key, item in resource.items()
        )
    )
    scope = length_delimited(b"\x0a", text(scope_name)) + length_delimited(b"\x12", text(scope_version))
    return length_delimited(b"\x0a", attributes), length_delimited(b"\x0a", scope)


def export_request(prefix: tuple[bytes, bytes], entries: Iterable[bytes]) -> bytes:
    """An `ExportLogsServiceRequest` of ready entries."""
    resource, scope = prefix
    scope_logs = length_delimited(b"\x12", scope + b"".join(entries))
    return length_delimited(b"\x0a", resource + scope_logs)
