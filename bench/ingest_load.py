"""Load for `ingest.py`: requests of realistic activities, as a Collector batches them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from prelude_otel.catalogue import Activity, Field, builtin
from prelude_otel.contract import attributes as names
from prelude_otel.contract.event_id import uuid7_text

__all__ = ["requests"]

_USERS, _SESSIONS, _CUSTOMERS, _DEALS = 400, 2_000, 20_000, 60_000
_AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    for system in ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7")
    for version in range(120, 132)
]


def requests(count: int, records: int, start_ns: int, seed: int) -> Iterator[bytes]:
    """`count` requests of `records` activities each, a millisecond or so apart, from `start_ns` on."""
    pick = random.Random(seed)
    activities = list(builtin())
    now = start_ns
    for _ in range(count):
        request = ExportLogsServiceRequest()
        resource = request.resource_logs.add()
        resource.resource.attributes.extend(
            _attributes({"service.name": "crm-service", "telemetry.sdk.language": "python"})
        )
        scope = resource.scope_logs.add()
        scope.scope.name = "prelude_otel"
        for _ in range(records):
            now += pick.randrange(200_000, 2_000_000)
            _fill(scope.log_records.add(), pick.choice(activities), now, pick)
        yield request.SerializeToString()


def _fill(record: Any, activity: Activity, now: int, pick: random.Random) -> None:
    user = pick.randrange(_USERS)
    ids = {"customer_id": pick.randrange(_CUSTOMERS), "deal_id": pick.randrange(_DEALS)}
    page = activity.page or "/crm"
    failed = pick.random() < 0.03
    record.time_unix_nano = now
    record.observed_time_unix_nano = now + 1_000_000
    record.severity_number = 9
    record.event_name = activity.event_name
    record.trace_id, record.span_id, record.flags = pick.randbytes(16), pick.randbytes(8), 1
    values: dict[str, Any] = {
        names.LOG_RECORD_UID: uuid7_text(now),
        names.ACTION_TYPE: activity.type,
        names.ACTION_NAME: activity.name,
        names.ACTION_CATEGORY: activity.category,
        names.ENTITY_TYPE: activity.entity,
        names.ENTITY_ID: str(ids.get(activity.entity_id or "", pick.randrange(_DEALS))) if activity.entity_id else None,
        names.PAGE_URL: page.format_map(ids),
        names.PAGE_ROUTE: page,
        names.USER_EMAIL: f"user{user}@company.com",
        names.SESSION_ID: f"session-{user * 5 + pick.randrange(_SESSIONS // _USERS):08x}",
        names.USER_AGENT: _AGENTS[user % len(_AGENTS)],
        names.CLIENT_ADDRESS: f"10.{user % 4}.{user % 250}.{user % 200}",
        names.RESULT_STATUS: "error" if failed else "success",
        names.ACTION_DATA: {name: _value(name, field, ids, pick) for name, field in activity.fields.items()} or None,
        names.SPAN_DURATION_NS: int(pick.lognormvariate(17, 1)),
        names.ERROR_TYPE: "ValueError" if failed else None,
        names.HTTP_STATUS: 500 if failed else None,
        names.TAGS: ["vip"] if pick.random() < 0.05 else None,
    }
    record.attributes.extend(_attributes({name: value for name, value in values.items() if value is not None}))


def _value(name: str, field: Field, ids: dict[str, int], pick: random.Random) -> Any:
    if field.constant is not None:
        return field.constant
    match field.type:
        case "id":
            return ids["customer_id"] if name == "client_id" else ids.get(name, pick.randrange(_DEALS))
        case "integer":
            return pick.randrange(200)
        case "number":
            return round(pick.uniform(500, 90_000), 2)
        case "boolean":
            return pick.random() < 0.5
        case "map":
            return {
                "stage": "negotiation",
                "value_usd": round(pick.uniform(500, 90_000), 2),
                "expected_close_date": "2027-12-31",
            }
    return pick.choice(field.values or (f"Follow-up on our discussion {pick.randrange(10_000)}",))


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any(value)) for name, value in values.items()]


def _any(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=_attributes(value)))
        case list():
            return AnyValue(array_value=ArrayValue(values=[_any(item) for item in value]))
    return AnyValue(string_value=value)
