"""An application that has set up OpenTelemetry keeps its own; activities travel past it unless it asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import urllib3
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import prelude_otel
from prelude_otel import activity, current_activity, emit, record, set_user
from prelude_otel.errors import ConfigurationError
from tests.support.otlp_receiver import OtlpReceiver, attributes_of, running_receiver
from tests.support.uvicorn_server import running_server

PERSONAL = {"to_email": "customer@company.com", "subject": "About the offer"}
LONG = 20.0


@pytest.fixture
def receiver() -> Any:
    with running_receiver() as running:
        yield running


class Vendor:
    """What an application has set up for itself."""

    def __init__(self, **settings: Any) -> None:
        self.exporter = InMemorySpanExporter()
        resource = Resource({"service.name": "crm-service", "team": "sales"})
        self.traces = TracerProvider(resource=resource, shutdown_on_exit=False, **settings)
        self.traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(self.traces)
        self.log_exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.logs = LoggerProvider(shutdown_on_exit=False)
        self.logs.add_log_record_processor(SimpleLogRecordProcessor(self.log_exporter))
        set_logger_provider(self.logs)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Finished spans by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}

    @property
    def records(self) -> list[Any]:
        """Log records that the vendor got."""
        return [each.log_record for each in self.log_exporter.get_finished_logs()]


def send_email_app() -> FastAPI:
    """One route that sends an email."""
    app = FastAPI()

    @app.post("/crm/email/send")
    @activity("crm.send_email", tags=("mail",))
    def send(to_email: str, subject: str, fail: bool = False) -> None:
        set_user("user@company.com", "session-abc")
        current_activity().result(lines=2)
        if fail:
            raise ValueError

    return app


def ask(app: FastAPI, **more: Any) -> None:
    with running_server(app) as url:
        httpx.post(f"{url}/crm/email/send", params={**PERSONAL, **more}, trust_env=False)


def test_spans_nest_in_the_applications_own_trace_and_carry_nothing_personal(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url)
    ask(app)
    assert prelude_otel.flush(LONG)
    span, server = vendor.spans["prelude.crm.send_email"], vendor.spans["POST /crm/email/send"]
    assert span.parent is not None
    assert span.context is not None
    assert server.context is not None
    assert span.parent.span_id == server.context.span_id
    assert span.kind is SpanKind.INTERNAL
    assert not span.events
    assert not set(span.attributes or {}) & set(attributes_of(receiver.records[0]))
    for secret in (*PERSONAL.values(), "user@company.com", "session-abc"):
        assert secret not in str(span.attributes)
    assert vendor.records == []
    (taken,) = receiver.records
    assert taken.trace_id == span.context.trace_id.to_bytes(16)
    assert taken.span_id == span.context.span_id.to_bytes(8)
    assert attributes_of(receiver.logs[0].resource_logs[0].resource)["team"] == "sales"


def test_record_and_span_have_the_same_start_and_length(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    prelude_otel.instrument(endpoint=receiver.url)
    with record("crm.delete_deal", deal_id=1):
        pass
    assert prelude_otel.flush(LONG)
    (taken,) = receiver.records
    span = vendor.spans["prelude.crm.delete_deal"]
    assert span.start_time is not None
    assert span.end_time is not None
    assert taken.time_unix_nano == span.start_time
    assert attributes_of(taken)["prelude.span.duration_ns"] == span.end_time - span.start_time
    assert span.instrumentation_scope is not None
    assert (span.instrumentation_scope.attributes or {})["prelude.span.measured"] is True


def test_an_error_marks_the_span(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url)
    ask(app, fail=True)
    span = vendor.spans["prelude.crm.send_email"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert not span.events, "no text of an exception goes to a vendor"


def test_a_bare_application_gets_spans_of_ours_that_go_to_the_same_collector(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url, service_name="crm-service")
    ask(app)
    assert prelude_otel.shutdown(LONG)
    spans = {span.name: span for span in receiver.spans}
    assert set(spans) == {"POST /crm/email/send", "prelude.crm.send_email"}
    assert spans["prelude.crm.send_email"].parent_span_id == spans["POST /crm/email/send"].span_id
    assert receiver.records[0].span_id == spans["prelude.crm.send_email"].span_id


@pytest.mark.parametrize("order", ["before", "after", "global"])
def test_an_application_that_makes_server_spans_itself_gets_them_once(order: str, receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    if order == "global":
        FastAPIInstrumentor().instrument(exclude_spans=["receive", "send"])
    try:
        import fastapi

        app = fastapi.FastAPI()

        @app.get("/crm/deals/{deal_id}")
        @activity("crm.view_deal")
        def view(deal_id: int) -> None: ...

        if order == "before":
            FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
        prelude_otel.instrument(app, endpoint=receiver.url)
        if order == "after":
            FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
        with running_server(app) as url:
            httpx.get(f"{url}/crm/deals/1", trust_env=False)
        names = sorted(span.name for span in vendor.exporter.get_finished_spans())
        assert names == ["GET /crm/deals/{deal_id}", "prelude.crm.view_deal"]
        assert prelude_otel.flush(LONG)
        assert len(receiver.records) == 1
    finally:
        if order == "global":
            FastAPIInstrumentor().uninstrument()


def test_activities_of_unsampled_traces_have_their_duration(receiver: OtlpReceiver) -> None:
    vendor = Vendor(sampler=ALWAYS_OFF)
    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url)
    ask(app)
    assert prelude_otel.flush(LONG)
    assert not vendor.spans
    (taken,) = receiver.records
    assert attributes_of(taken)["prelude.span.duration_ns"] > 0
    assert taken.flags & 1 == 0
    assert len(taken.trace_id) == 16


class Raising(SpanProcessor):
    """A vendor's processor with a fault."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("a vendor's fault")


def test_a_span_processor_that_raises_costs_neither_the_call_nor_the_row(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    vendor.traces.add_span_processor(Raising())
    prelude_otel.instrument(endpoint=receiver.url)

    @activity("crm.delete_deal")
    def delete(deal_id: int) -> str:
        return "done"

    assert delete(1) == "done"
    assert prelude_otel.flush(LONG)
    assert len(receiver.records) == 1


def through_span_events(vendor: Vendor) -> list[tuple[Any, ...]]:
    """(name, time, attributes) of all activities among span events; JSON text read, the span's length as duration."""
    found = []
    for span in vendor.exporter.get_finished_spans():
        for event in span.events:
            if not event.name.startswith("prelude."):
                continue
            attributes = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in (event.attributes or {}).items()
            }
            for key in ("prelude.action.data", "prelude.result.data"):
                if key in attributes:
                    attributes[key] = json.loads(str(attributes[key]))
            if "prelude.span.join" not in attributes and "prelude.span.duration_ns" not in attributes:
                attributes["prelude.span.duration_ns"] = (span.end_time or 0) - (span.start_time or 0)
            found.append((event.name, event.timestamp, attributes))
    return found


def through_logger_provider(vendor: Vendor) -> list[tuple[Any, ...]]:
    """(name, time, attributes) of all activities among the vendor's log records."""
    return [
        (each.event_name, each.timestamp, {key: plain(value) for key, value in each.attributes.items()})
        for each in vendor.records
    ]


def plain(value: Any) -> Any:
    """Maps and sequences as dicts and lists."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if hasattr(value, "items") else value


VARYING = ("log.record.uid", "prelude.span.duration_ns")


@pytest.mark.parametrize(
    ("settings", "read"),
    [({"events": "span"}, through_span_events), ({"logger_provider": "global"}, through_logger_provider)],
    ids=["span events", "logger provider"],
)
@pytest.mark.parametrize("fail", [False, True])
def test_every_way_carries_the_same_values(
    settings: dict[str, Any], read: Callable[[Vendor], list[tuple[Any, ...]]], fail: bool, receiver: OtlpReceiver
) -> None:
    vendor = Vendor()
    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url)
    ask(app, fail=fail)
    ask(app, fail="no boolean")
    assert prelude_otel.flush(LONG)
    usual = [(each.event_name, attributes_of(each)) for each in receiver.records]
    prelude_otel.shutdown(0)
    vendor.exporter.clear()

    app = send_email_app()
    prelude_otel.instrument(app, endpoint=receiver.url, **settings)
    ask(app, fail=fail)
    ask(app, fail="no boolean")
    other = read(vendor)
    assert len(other) == len(usual) == 2
    for (name, expected), (other_name, time_ns, attributes) in zip(usual, other, strict=True):
        assert other_name == name
        assert time_ns > 0
        assert attributes.keys() == expected.keys()
        for key in expected.keys() - set(VARYING):
            assert attributes[key] == expected[key], key
    assert len(receiver.records) == 2, "nothing of it went the usual way"


def test_a_facts_own_length_survives_as_a_span_event(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    prelude_otel.instrument(endpoint=receiver.url, events="span")
    with trace.get_tracer("app").start_as_current_span("around"):
        emit("crm.delete_deal", deal_id=1, duration_ms=1234)
    emit("crm.delete_deal", deal_id=2, duration_ms=1234)
    emit("crm.delete_deal", deal_id=3)
    first, second, third = (attributes for _, _, attributes in through_span_events(vendor))
    lengths = {each["prelude.entity.id"]: each.get("prelude.span.duration_ns") for each in (first, second, third)}
    assert lengths == {"1": 1_234_000_000, "2": 1_234_000_000, "3": None}


def test_a_span_event_that_is_not_sampled_is_counted_as_lost(receiver: OtlpReceiver) -> None:
    Vendor(sampler=ALWAYS_OFF)
    prelude_otel.instrument(endpoint=receiver.url, events="span")
    with record("crm.delete_deal", deal_id=1):
        pass
    emit("crm.delete_deal", deal_id=2)
    assert prelude_otel.stats().dropped == {"not_sampled": 2}
    assert prelude_otel.stats().sent == 0


def test_text_that_utf_8_cannot_hold_costs_no_neighbour_in_the_applications_exporters(
    receiver: OtlpReceiver,
) -> None:
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    vendor = Vendor()
    for settings in ({"events": "span"}, {"logger_provider": "global"}):
        prelude_otel.instrument(endpoint=receiver.url, **settings)  # type: ignore[arg-type]
        emit(
            "crm.update_deal", deal_id="\ud800", updated_fields={"\udc00": ["\udfff", float("nan")]}, page_url="\ud800"
        )
        prelude_otel.shutdown(0)
    encode_spans(vendor.exporter.get_finished_spans()).SerializeToString()
    encode_logs(vendor.log_exporter.get_finished_logs()).SerializeToString()
    (_, _, attributes) = through_span_events(vendor)[0]
    json.dumps(attributes["prelude.action.data"], allow_nan=False)


def test_global_without_a_logger_provider_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"set_logger_provider\(\) before instrument\(\)"):
        prelude_otel.instrument(logger_provider="global", service_name="crm-service")


def test_a_provider_may_be_given_itself(receiver: OtlpReceiver) -> None:
    vendor = Vendor()
    own = LoggerProvider(shutdown_on_exit=False)
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    own.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    prelude_otel.instrument(endpoint=receiver.url, logger_provider=own)
    emit("crm.delete_deal", deal_id=1)
    assert [each.log_record.event_name for each in exporter.get_finished_logs()] == ["prelude.crm.delete_deal"]
    assert vendor.records == []
    assert prelude_otel.stats().emitted == 1


def test_the_senders_own_requests_are_not_observed(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    enabled: list[bool] = []
    request = urllib3.PoolManager.request

    def watched(self: urllib3.PoolManager, *args: Any, **kwargs: Any) -> Any:
        enabled.append(is_instrumentation_enabled())
        return request(self, *args, **kwargs)

    monkeypatch.setattr(urllib3.PoolManager, "request", watched)
    prelude_otel.instrument(endpoint=receiver.url, service_name="crm-service")
    emit("crm.delete_deal", deal_id=1)
    assert prelude_otel.flush(LONG)
    assert enabled == [False]


def test_instrument_after_a_compatible_logger_set_itself_up_takes_over(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prelude_otel.compat import crm_activity_logger

    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    assert crm_activity_logger.log_deal_delete("u@x.com", 1)
    app = send_email_app()
    prelude_otel.instrument(app, service_name="crm-service", session_cookie="sid")
    ask(app)
    assert prelude_otel.shutdown(LONG)
    assert [each.event_name for each in receiver.records] == ["prelude.crm.delete_deal", "prelude.crm.send_email"]
    assert {span.name for span in receiver.spans} == {"POST /crm/email/send", "prelude.crm.send_email"}
