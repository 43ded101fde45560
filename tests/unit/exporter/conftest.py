"""Requests of one activity, with whatever a test is about said in arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_store.row import ActivityRow
from tests.support.otlp import attributes

NOW_NS = 1_800_000_000_123_456_789
TRACE, SPAN = bytes(range(16)), bytes(range(8, 16))


def request_of(*records: LogRecord, service: str | None = "crm-service") -> bytes:
    request = ExportLogsServiceRequest()
    outer = request.resource_logs.add()
    if service is not None:
        outer.resource.attributes.extend(attributes({"service.name": service}))
    scope = outer.scope_logs.add()
    scope.scope.name = "tests"
    scope.log_records.extend(records)
    return request.SerializeToString()


def record_of(
    values: dict[str, Any] | None = None, event_name: str = "prelude.crm.create_deal", **fields: Any
) -> LogRecord:
    given: dict[str, Any] = {"time_unix_nano": NOW_NS, "trace_id": TRACE, "span_id": SPAN} | fields
    return LogRecord(event_name=event_name, attributes=attributes(values or {}), **given)


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture
def decode(decoder: Decoder) -> Callable[..., Decoded]:
    """What the decoder makes of one record with these attributes."""

    def decode(
        values: dict[str, Any] | None = None, event_name: str = "prelude.crm.create_deal", **fields: Any
    ) -> Decoded:
        return decoder.logs(request_of(record_of(values, event_name, **fields)))

    return decode


@pytest.fixture
def row_of(decode: Callable[..., Decoded]) -> Callable[..., ActivityRow]:
    """The row of one record with these attributes."""

    def row_of(
        values: dict[str, Any] | None = None, event_name: str = "prelude.crm.create_deal", **fields: Any
    ) -> ActivityRow:
        decoded = decode(values, event_name, **fields)
        assert [item.detail for item in decoded.quarantined] == []
        (row,) = decoded.rows
        return row

    return row_of
