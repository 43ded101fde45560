"""From the queue to a real receiver: what it answers decides what becomes of the entries."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import prelude_otel
from prelude_otel import otel
from prelude_otel.otlp import sender as sender_module
from prelude_otel.otlp.queue import EntryQueue
from prelude_otel.otlp.transport import Answer as TransportAnswer
from prelude_otel.settings import read_settings
from prelude_otel.sinks import OtlpSink
from tests.support.otlp_receiver import CLOSE, HANG, Answer, OtlpReceiver, attributes_of, running_receiver

LONG = 20.0


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Instruments this process to send to a URL, with further variables."""

    def instrument(url: str, **variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        prelude_otel.instrument(endpoint=url, service_name="crm-service")

    yield instrument
    prelude_otel.shutdown(0)


def emit(count: int = 1, start: int = 0) -> None:
    """Emit deletions of deals numbered from `start`."""
    for number in range(start, start + count):
        prelude_otel.emit("crm.delete_deal", deal_id=number)


def deals(receiver: OtlpReceiver) -> list[int]:
    """The deals that have arrived, in order."""
    return [int(attributes_of(record)["prelude.entity.id"]) for record in receiver.records]


def test_what_is_emitted_arrives_in_order_and_is_counted(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url)
    emit(500)
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == list(range(500))
    stats = prelude_otel.stats()
    assert (stats.emitted, stats.sent, stats.waiting, stats.dropped) == (500, 500, 0, {})


def test_without_a_flush_it_arrives_by_itself(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url)
    emit()
    receiver.wait_for(lambda: deals(receiver) == [0])
    emit(start=1)
    receiver.wait_for(lambda: deals(receiver) == [0, 1])


def test_entries_of_a_moment_share_a_request(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url, OTEL_BLRP_SCHEDULE_DELAY="200")
    emit(50)
    receiver.wait_for(lambda: len(deals(receiver)) == 50)
    assert len(receiver.seen) <= 2


def test_the_resource_names_service_and_sdk(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
    emit()
    assert prelude_otel.flush(LONG)
    resource = attributes_of(receiver.logs[0].resource_logs[0].resource)
    assert resource["service.name"] == "crm-service"
    assert resource["deployment.environment.name"] == "test"
    assert receiver.logs[0].resource_logs[0].scope_logs[0].scope.name == otel.SCOPE_NAME


def test_gzip_and_headers_travel(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(
        receiver.url,
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20s3cret,x-tenant=a",
    )
    emit()
    assert prelude_otel.flush(LONG)
    headers = receiver.seen[0]
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["x-tenant"] == "a"
    assert deals(receiver) == [0]


@pytest.mark.parametrize(
    "answer",
    [Answer(503, {"Retry-After": "0"}), Answer(429, {"Retry-After": "0"}), Answer(502), Answer(504), Answer(CLOSE)],
    ids=["503", "429", "502", "504", "closed"],
)
def test_a_passing_refusal_loses_and_doubles_nothing(
    receiver: OtlpReceiver, to: Callable[..., None], answer: Answer
) -> None:
    receiver.answers.extend([answer, answer])
    to(receiver.url)
    emit(3)
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == [0, 1, 2]
    assert len(receiver.seen) == 3
    assert prelude_otel.stats().dropped == {}


def holds_deal(number: int) -> Callable[[Any], bool]:
    """Whether a request holds this deal."""
    return lambda request: any(
        attributes_of(record)["prelude.entity.id"] == str(number)
        for resource in request.resource_logs
        for record in resource.scope_logs[0].log_records
    )


@pytest.mark.parametrize("status", [400, 413, 500])
def test_one_that_is_refused_for_good_is_counted_and_costs_no_neighbour(
    receiver: OtlpReceiver, to: Callable[..., None], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    holds_the_sixth = holds_deal(5)
    receiver.refuses = lambda request: status if holds_the_sixth(request) else None
    to(receiver.url)
    emit(20)
    assert not prelude_otel.flush(LONG), "the receiver has not taken them all"
    assert sorted(deals(receiver)) == [*range(5), *range(6, 20)]
    assert prelude_otel.stats().dropped == {"refused": 1}
    assert prelude_otel.stats().sent == 19
    assert f"answered {status}" in caplog.text


def test_a_receiver_that_refuses_everything_costs_a_few_and_the_rest_waits(
    receiver: OtlpReceiver, to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "MAX_REFUSED_IN_A_ROW", 3)
    receiver.refuses = lambda _request: 400
    to(receiver.url)
    emit(20)
    assert not prelude_otel.flush(0.5)
    receiver.refuses = lambda _request: None
    assert prelude_otel.flush(LONG)
    assert prelude_otel.stats().dropped == {"refused": 3}
    assert deals(receiver) == list(range(3, 20))


@pytest.mark.parametrize("status", [401, 403, 404, 301])
def test_wrong_settings_lose_nothing_once_they_are_mended(
    receiver: OtlpReceiver, to: Callable[..., None], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers.extend([Answer(status)] * 2)
    to(receiver.url)
    emit(2)
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == [0, 1]
    assert prelude_otel.stats().dropped == {}
    assert f"answered {status}" in caplog.text
    assert "delivered again" in caplog.text


def test_an_absent_receiver_costs_a_warning_and_nothing_else(
    to: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    to("http://127.0.0.1:9")
    emit(3)
    assert not prelude_otel.flush(0.3)
    emit(2)
    assert not prelude_otel.flush(0.3)
    assert prelude_otel.stats().waiting == 5
    warnings = [record for record in caplog.records if "wait in memory" in record.getMessage()]
    assert len(warnings) == 1


def test_nothing_is_lost_over_a_restart_of_the_receiver(to: Callable[..., None]) -> None:
    with running_receiver() as first:
        port = int(first.url.rsplit(":", 1)[1])
        to(first.url)
        emit(10)
        assert prelude_otel.flush(LONG)
    emit(10, start=10)
    assert not prelude_otel.flush(0.2)
    with running_receiver(port) as second:
        assert prelude_otel.flush(LONG)
        assert deals(first) + deals(second) == list(range(20))


def test_a_flush_does_not_wait_for_a_long_pause_to_end(
    receiver: OtlpReceiver, to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "FIRST_BACKOFF_S", 600.0)
    monkeypatch.setattr(sender_module, "MAX_BACKOFF_S", 600.0)
    receiver.answers.append(Answer(503))
    to(receiver.url)
    emit()
    receiver.wait_for(lambda: len(receiver.seen) == 1)
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == [0]


def test_a_shutdown_does_not_wait_for_a_long_pause_to_end(
    receiver: OtlpReceiver, to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "FIRST_BACKOFF_S", 600.0)
    monkeypatch.setattr(sender_module, "MAX_BACKOFF_S", 600.0)
    receiver.answers.append(Answer(503))
    to(receiver.url)
    emit()
    receiver.wait_for(lambda: len(receiver.seen) == 1)
    assert prelude_otel.shutdown(LONG)
    assert deals(receiver) == [0]


def test_flush_and_shutdown_keep_their_time_when_the_receiver_hangs(
    receiver: OtlpReceiver, to: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers.extend([Answer(HANG)] * 5)
    to(receiver.url)
    emit(4)
    before = time.monotonic()
    assert not prelude_otel.flush(0.2)
    assert not prelude_otel.shutdown(0.2)
    assert time.monotonic() - before < 9, "the request's own timeout is 10 s"
    assert "4 activities were not delivered" in caplog.text


def test_after_shutdown_nothing_is_recorded_and_nothing_raises(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url)
    emit()
    assert prelude_otel.shutdown(LONG)
    emit(start=1)
    assert prelude_otel.emit("crm.delete_deal", deal_id=2) is None
    assert prelude_otel.shutdown(LONG)
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == [0]
    assert prelude_otel.stats().emitted == 0


def test_a_full_queue_drops_the_new_and_counts_it(
    receiver: OtlpReceiver, to: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers.append(Answer(503))
    monkeypatch.setattr("prelude_otel.sinks.EntryQueue", lambda prefix: EntryQueue(prefix, max_bytes=2000))
    to(receiver.url)
    emit(100)
    stats = prelude_otel.stats()
    dropped = stats.dropped["queue_full"]
    assert stats.emitted == 100
    assert stats.waiting == 100 - dropped
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == list(range(100 - dropped))
    assert caplog.text.count("the queue in memory is full") == 1


def test_a_loss_is_said_though_the_receivers_absence_was_said_just_before(
    receiver: OtlpReceiver, to: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += [Answer(503)] * 1000
    monkeypatch.setattr("prelude_otel.sinks.EntryQueue", lambda prefix: EntryQueue(prefix, max_bytes=2000))
    to(receiver.url)
    emit()
    receiver.wait_for(lambda: "answered 503" in caplog.text)
    emit(100)
    assert prelude_otel.stats().dropped["queue_full"] > 1
    assert caplog.text.count("the queue in memory is full") == 1
    assert caplog.text.count("answered 503") == 1


def test_a_request_stays_well_below_the_limit_of_a_grpc_server(receiver: OtlpReceiver, to: Callable[..., None]) -> None:
    to(receiver.url)
    for number in range(60):
        prelude_otel.emit("crm.update_deal", deal_id=number, updated_fields={"text": "x" * 100_000})
    assert prelude_otel.flush(LONG)
    assert deals(receiver) == list(range(60))
    assert all(request.ByteSize() <= 2**21 + 2**12 for request in receiver.logs)


class _Faulty:
    """A transport that meets something that nobody foresaw, once."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.calls = 0

    def send(self, request: bytes, timeout_s: float) -> TransportAnswer:
        self.calls += 1
        if self.calls == 1:
            raise UnicodeEncodeError("latin-1", "€", 0, 1, "not foreseen")
        answer: TransportAnswer = self.real.send(request, timeout_s)
        return answer

    def close(self) -> None:
        self.real.close()


def test_the_thread_outlives_whatever_a_transport_meets(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prelude_otel.otlp.transport import transport_for

    monkeypatch.setattr("prelude_otel.sinks.transport_for", lambda settings: _Faulty(transport_for(settings)))
    sink = OtlpSink(read_settings(endpoint=receiver.url, environ={}), {"service.name": "crm-service"})
    sink._sender.put(b"\x12\x00")
    assert sink.flush(LONG)
    assert len(receiver.records) == 1
    assert sink.shutdown(LONG)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on: threads and fork
def test_a_child_after_fork_sends_its_own_and_leaves_the_parents(
    receiver: OtlpReceiver, to: Callable[..., None]
) -> None:
    receiver.answers.extend([Answer(503)] * 2)
    to(receiver.url, OTEL_BLRP_SCHEDULE_DELAY="100")
    emit(3)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            emit(2, start=100)
            code = 0 if prelude_otel.stats().emitted == 2 and prelude_otel.flush(LONG) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert prelude_otel.flush(LONG)
    assert sorted(deals(receiver)) == [0, 1, 2, 100, 101]
    uids = [attributes_of(record)["log.record.uid"] for record in receiver.records]
    assert len(set(uids)) == 5


def test_a_secret_header_is_never_logged(to: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        to("http://127.0.0.1:9", OTEL_EXPORTER_OTLP_HEADERS="authorization=s3cret")
        emit()
        assert not prelude_otel.flush(0.2)
    assert "s3cret" not in caplog.text
