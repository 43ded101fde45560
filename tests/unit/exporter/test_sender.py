"""A sender's records of services that it may not speak for go to the quarantine; what it may say lands beside them."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.sender import Sender, address_of_peer
from tests.support.otlp import attributes
from tests.unit.exporter.conftest import NOW_NS, SPAN, TRACE, record_of, request_of

BILLING = Sender("10.0.0.7", "billing's", frozenset({"billing", "invoices"}))
COLLECTOR = Sender("10.0.0.8", "collector", None)


def traces_of(service: str) -> bytes:
    request = ExportTraceServiceRequest()
    outer = request.resource_spans.add()
    outer.resource.attributes.extend(attributes({"service.name": service}))
    span = Span(trace_id=TRACE, span_id=SPAN, name="prelude.crm.x", start_time_unix_nano=1, end_time_unix_nano=2)
    span.events.add(name="prelude.crm.view_deal", time_unix_nano=NOW_NS)
    span.events.add(name="a note", time_unix_nano=NOW_NS)
    outer.scope_spans.add().spans.append(span)
    return request.SerializeToString()


def test_a_record_of_another_service_is_quarantined_and_its_neighbours_land(decoder: Decoder) -> None:
    mixed = request_of(record_of(), service="billing") + request_of(
        record_of(), record_of(event_name="db.query"), service="crm-service"
    )
    decoded = decoder.logs(mixed, BILLING)
    assert [row.service_name for row in decoded.rows] == ["billing"]
    assert decoded.passed_over == 1
    (entry,) = decoded.quarantined
    assert (entry.signal, entry.reason) == ("logs", "service_not_allowed")
    assert entry.detail == (
        "a record of service 'crm-service' came from \"billing's\" at 10.0.0.7, who may speak for: billing, invoices"
    )
    assert ExportLogsServiceRequest.FromString(entry.payload) == ExportLogsServiceRequest.FromString(
        request_of(record_of(), service="crm-service")
    )


def test_a_record_that_names_no_service_needs_a_sender_who_may_speak_for_all(decoder: Decoder) -> None:
    request = request_of(record_of(), service=None)
    assert [entry.reason for entry in decoder.logs(request, BILLING).quarantined] == ["service_not_allowed"]
    assert len(decoder.logs(request, COLLECTOR).rows) == 1


def test_the_service_that_counts_is_the_one_that_lands(decoder: Decoder) -> None:
    twice = ExportLogsServiceRequest.FromString(request_of(record_of(), service="billing"))
    twice.resource_logs[0].resource.attributes.extend(attributes({"service.name": "crm-service"}))
    assert [row.service_name for row in decoder.logs(twice.SerializeToString(), BILLING).rows] == ["billing"]
    assert [row.service_name for row in decoder.logs(request_of(record_of(), service=" billing"), BILLING).rows] == []


def test_a_probe_of_another_service_is_refused_as_well(decoder: Decoder) -> None:
    probe = record_of({"prelude.probe.id": "0192f0c1-2345-7abc-8def-000000000001"}, "prelude.probe")
    assert decoder.logs(request_of(probe), BILLING).probes == []


def test_spans_of_another_service_are_passed_over_and_their_activities_quarantined(decoder: Decoder) -> None:
    decoded = decoder.traces(traces_of("crm-service"), BILLING)
    assert (decoded.rows, decoded.spans, decoded.spans_passed_over, decoded.passed_over) == ([], [], 1, 1)
    assert [entry.reason for entry in decoded.quarantined] == ["service_not_allowed"]
    allowed = decoder.traces(traces_of("billing"), BILLING)
    assert (len(allowed.rows), len(allowed.spans)) == (1, 1)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:5000", "10.0.0.7"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("unix:/run/x", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_grpc_peer_is_read(peer: str, address: str) -> None:
    assert address_of_peer(peer) == address
