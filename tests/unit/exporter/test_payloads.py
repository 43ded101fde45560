"""What the quarantine keeps of a record is the same, whichever way it came."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prelude_exporter.decoding.decode import Decoder
from tests.integration.exporter.conftest import activity, logs, span_of, traces


def test_a_log_record_that_came_by_a_collector_is_no_second_entry() -> None:
    straight = logs(activity(1, prelude__result__status="perhaps"))
    by_collector = ExportLogsServiceRequest.FromString(straight)
    # The Collector writes messages that are empty, too.
    (scope,) = by_collector.resource_logs[0].scope_logs
    scope.scope.SetInParent()
    scope.log_records[0].body.SetInParent()
    one, other = (Decoder().logs(request).quarantined for request in (straight, by_collector.SerializeToString()))
    assert one == other
    assert len(one) == 1


def test_a_span_event_that_came_by_a_collector_is_no_second_entry() -> None:
    span = span_of(1, 5)
    record = activity(1, prelude__result__status="perhaps")
    span.events.add(name="prelude.crm.create_deal", time_unix_nano=record.time_unix_nano, attributes=record.attributes)
    straight = traces(span)
    by_collector = ExportTraceServiceRequest.FromString(straight)
    (scope,) = by_collector.resource_spans[0].scope_spans
    scope.scope.SetInParent()
    scope.spans[0].status.SetInParent()
    one, other = (Decoder().traces(request).quarantined for request in (straight, by_collector.SerializeToString()))
    assert one == other
    assert len(one) == 1
