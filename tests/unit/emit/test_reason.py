"""What a receiver says beside its no reaches the log and the doctor."""

from __future__ import annotations

import json

import pytest
from google.rpc.status_pb2 import Status

from prelude_otel.checks_endpoint import _explained
from prelude_otel.otlp.reason import reason, reason_in
from prelude_otel.otlp.transport import Answer, Verdict

FULL = "write /var/lib/otelcol/file_storage/exporter_otlp_grpc__logs: no space left on device"


def test_the_message_of_a_status_is_read_in_both_encodings() -> None:
    status = Status(code=14, message=FULL)
    assert reason_in(status.SerializeToString()) == f": {FULL}"
    assert reason_in(json.dumps({"code": 14, "message": FULL}).encode()) == f": {FULL}"
    assert reason_in(Status(message="x" * 300).SerializeToString()) == ": " + "x" * 200


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[]", b'{"message": null}', b"\x08", b"\x08\x0e", b"\x12\xff", b"\x08\xff\xff"]
)
def test_what_is_no_status_says_nothing(body: bytes) -> None:
    assert reason_in(body) == ""


def test_it_stays_on_one_line_and_moves_no_terminal() -> None:
    assert reason("a\n b\x1b[31m\x00c") == ": a b[31mc"
    assert reason(None) == reason("") == ""


@pytest.mark.parametrize(
    ("said", "meaning", "remedy"),
    [
        (f"http://c:4318/v1/logs answered 503: {FULL}", "the disk of the Collector's queue is full", "make room"),
        ("http://c:4318/v1/logs answered 503: data refused due to high memory usage", "has no memory left", "memory"),
        ("http://c:4318/v1/logs answered 401: a valid credential is needed", "does not know us", "OTLP_HEADERS"),
        ("ConnectTimeoutError at http://c:4318/v1/logs", "no way leads to", "firewalls"),
        ("ReadTimeoutError at http://c:4318/v1/logs", "does not answer", "stuck"),
        ("SSLError at https://c:4318/v1/logs", "TLS", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("http://c:4318/v1/logs answered 404", "takes no OTLP", "without /v1/logs"),
        ("http://c:4318/v1/logs answered 503: the exporter is stopping", "can't take it now", "log"),
        ("http://c:4318/v1/logs answered 400: no", "answered 400: no", "log"),
    ],
)
def test_each_answer_has_its_meaning(said: str, meaning: str, remedy: str) -> None:
    _, ok, found, mends = _explained(Answer(Verdict.LATER, said=said), "http://c:4318")
    assert ok is False
    assert meaning in found
    assert remedy in mends
