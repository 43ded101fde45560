"""The mapping as one would write it first: official messages, one attribute after the other, nothing remembered. What the fast one
gives is held equal to it."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from hashlib import blake2b
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from prelude_exporter.decoding.result import result_text
from prelude_exporter.decoding.texts import Notes, clean, json_object, json_text
from prelude_otel.catalogue import builtin, conform, page_url
from prelude_otel.contract import attributes as names
from prelude_otel.contract.duration import duration_ms
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.event_id import event_id_from_content, event_id_from_uid
from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES
from prelude_otel.errors import ContractError
from prelude_store.row import ActivityRow

_LIMITS = {
    names.LOG_RECORD_UID: 1_000_000,
    names.COMPLETES: 1_000_000,
    names.USER_EMAIL: 320,
    names.ACTION_TYPE: 128,
    names.ENTITY_TYPE: 128,
    names.CLIENT_ADDRESS: 128,
    names.RESULT_STATUS: 128,
    names.PAGE_URL: 2000,
    names.PAGE_ROUTE: 500,
    names.USER_AGENT: 500,
}
_CELLS = {
    names.CLIENT_ADDRESS: "ip_address",
    names.LOG_RECORD_UID: "uid",
    names.USER_AGENT: "user_agent",
    names.SPAN_DURATION_NS: "duration_ns",
    names.HTTP_STATUS: "http_status",
}


def python_value(value: AnyValue) -> Any:
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {item.key: python_value(item.value) for item in value.kvlist_value.values}
    if kind == "array_value":
        return [python_value(item) for item in value.array_value.values]
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return None if kind is None else getattr(value, kind)


def obvious_row(record: LogRecord, service_name: str | None) -> ActivityRow:  # noqa: C901, PLR0915 (one thing after the other)
    """The row of a log record; raises ContractError where it can't become one."""
    values = {item.key: python_value(item.value) for item in record.attributes}
    notes = Notes()

    def cell(key: str) -> str:
        return _CELLS.get(key, key.removeprefix("prelude.").replace(".", "_"))

    def text(key: str) -> str | None:
        value = values.get(key)
        if isinstance(value, str):
            return clean(value, cell(key), notes, _LIMITS.get(key, 200)) or None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        reject(key)
        return None

    def reject(key: str) -> None:
        if values.get(key) is not None:
            notes.rejected[cell(key)] = values[key]

    def integer(key: str) -> int | None:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            return int(value)
        if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 19:
            return int(value)
        reject(key)
        return None

    def boolean(key: str) -> bool | None:
        value = values.get(key)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        reject(key)
        return None

    def mapping(key: str) -> dict[str, Any] | None:
        value = values.get(key)
        if isinstance(value, str):
            value = json_object(value)
        if isinstance(value, dict):
            return value
        reject(key)
        return None

    def texts(key: str, name: str) -> tuple[str, ...] | None:
        value = values.get(key)
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            if value is not None:
                notes.rejected[name] = value
            return None
        kept = []
        for index, item in enumerate(value):
            values["item"] = item
            if isinstance(item, str):
                kept.append(clean(item, f"{name}.{index}", notes, 200))
            elif isinstance(item, bool | int | float):
                kept.append(text("item") or "")
            elif item is not None:
                notes.rejected[f"{name}.{index}"] = item
        return tuple(item for item in kept if item) or None

    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    action_type, action_name = text(names.ACTION_TYPE), text(names.ACTION_NAME)
    email = text(names.USER_EMAIL)
    status = text(names.RESULT_STATUS)
    data, given = mapping(names.ACTION_DATA), mapping(names.RESULT_DATA)
    entity_id = text(names.ENTITY_ID)
    row: dict[str, Any] = {
        "user_email": None if email is None else clean(normalise_email(email) or "", "user_email", notes, 320) or None,
        "session_id": text(names.SESSION_ID),
        "action_category": text(names.ACTION_CATEGORY),
        "entity_type": text(names.ENTITY_TYPE),
        "entity_id": entity_id,
        "page_url": text(names.PAGE_URL),
        "page_route": text(names.PAGE_ROUTE),
        "user_agent": text(names.USER_AGENT),
        "ip_address": text(names.CLIENT_ADDRESS),
        "tags": texts(names.TAGS, "tags"),
        "personal_paths": texts(names.PERSONAL, "personal_paths"),
        "service_name": service_name,
    }
    uid, completes = text(names.LOG_RECORD_UID), text(names.COMPLETES)
    length, join = integer(names.SPAN_DURATION_NS), boolean(names.SPAN_JOIN)
    error_type, http_status = text(names.ERROR_TYPE), integer(names.HTTP_STATUS)
    handler_ran = boolean(names.HANDLER_RAN)
    text(names.PROBE_ID)  # no column, but what is odd about it is noted, too

    if time_ns == 0:
        raise ContractError("no_timestamp", "")
    if action_type is None or action_name is None:
        _, _, rest = record.event_name.partition("prelude.")
        first, _, second = rest.partition(".")
        if not first or not second:
            raise ContractError("no_action_name", "")
        second = clean(second, "action_name", notes, 200)
        if not second:
            raise ContractError("no_action_name", "")
        action_type, action_name = action_type or first, action_name or second
    if action_type not in ACTION_TYPES:
        raise ContractError("unknown_action_type", "")
    if status is not None and status not in STATUSES:
        raise ContractError("unknown_status", "")
    declared = builtin().get(f"{action_type}.{action_name}")
    if declared is not None:
        data, rejected = conform(declared, data or {}, entity_id)
        notes.rejected.update(rejected)
        if row["action_category"] is None or row["entity_type"] is None or row["page_route"] is None:
            if row["page_url"] is None and declared.page is not None:
                url = page_url(declared.page, {**data, declared.entity_id or "": entity_id})
                row["page_url"] = None if url is None else clean(url, "page_url", notes, 2000)
            row["action_category"] = row["action_category"] or declared.category
            row["entity_type"] = row["entity_type"] or declared.entity
            row["page_route"] = row["page_route"] or declared.page
    trace = record.trace_id.hex() if len(record.trace_id) == 16 and any(record.trace_id) else None
    span = record.span_id.hex() if len(record.span_id) == 8 and any(record.span_id) else None
    if uid is not None:
        event_id = event_id_from_uid(uid)
    else:
        said = [
            service_name,
            record.event_name,
            time_ns,
            record.trace_id.hex() if any(record.trace_id) else "",
            record.span_id.hex() if any(record.span_id) else "",
            record.severity_number,
            record.severity_text,
            python_value(record.body),
            {item.key: python_value(item.value) for item in record.attributes},
        ]
        event_id = event_id_from_content(json.dumps(said, sort_keys=True).encode())
    whole = ActivityRow(
        timestamp_us=time_ns // 1000,
        event_id=event_id,
        action_type=action_type,
        action_name=action_name,
        action_data=json_text(data, "action_data", notes),
        result_status=status or "success",
        result_data=result_text(given, error_type, http_status, handler_ran, notes),
        duration_ms=None if length is None else duration_ms(length),
        completes_event_id=None if completes is None else event_id_from_uid(completes),
        trace_id=trace,
        span_id=span,
        content_hash=b"",
        waits=length is None and join is not False and trace is not None and span is not None,
        **row,
    )
    content = blake2b(orjson.dumps((tuple(whole[:17]), tuple(whole[18:23]))), digest_size=16)
    return whole._replace(content_hash=content.digest())
