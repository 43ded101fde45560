"""An OTLP/HTTP receiver that keeps what it takes, and answers as a test tells it to: the place of a Collector."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp import python_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CLOSE", "HANG", "Answer", "OtlpReceiver", "attributes_of", "running_receiver"]

CLOSE: Final = 0
HANG: Final = -1
"""In place of a status: close the connection without a word; say nothing until the receiver stops."""


@dataclass(frozen=True)
class Answer:
    """What one request is answered with."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class OtlpReceiver:
    """What has arrived, and how to answer.

    Attributes:
        url: where it listens.
        answers: answers of the next requests for logs, in turn; where none is left: 200.
        refuses: the status that a request for logs is answered with because of what it holds; None: as `answers` say.
        seen: headers of every request for logs.
        logs: bodies of logs that were answered with success, decoded.
        traces: the same of traces.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: deque[Answer] = deque()
        self.refuses: Callable[[Any], int | None] = lambda _request: None
        self.seen: list[dict[str, str]] = []
        self.logs: list[Any] = []
        self.traces: list[Any] = []
        self.changed = threading.Condition()
        self.stopping = threading.Event()

    @property
    def records(self) -> list[Any]:
        """All log records, in the order of their arrival."""
        return [
            record
            for request in list(self.logs)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def spans(self) -> list[Any]:
        """All spans, in the order of their arrival."""
        return [
            span
            for request in list(self.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait_for(self, true: Callable[[], Any], *, within: float = 20.0) -> None:
        """Return as soon as `true` holds; looked at whenever something arrives."""
        deadline = time.monotonic() + within
        with self.changed:
            while not true():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"{len(self.seen)} requests, {len(self.records)} records, {len(self.spans)} spans"
                    )
                self.changed.wait(min(left, 0.2))


def attributes_of(record: Any) -> dict[str, Any]:
    """Attributes of a log record, span or event, as Python values."""
    return {each.key: python_value(each.value) for each in record.attributes}


@contextmanager
def running_receiver(port: int = 0) -> Iterator[OtlpReceiver]:
    """Listen on loopback, at `port` or a free one."""
    receiver = OtlpReceiver()
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _take(receiver, self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        block_on_close = False
        daemon_threads = True

        def process_request(self, request: Any, client_address: Any) -> None:
            connections.append(request)
            super().process_request(request, client_address)

        def handle_error(self, *_: object) -> None:
            """A client that goes away is what some tests are about."""

    server = Server(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
        for connection in connections:  # a kept connection would outlive the receiver
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _take(receiver: OtlpReceiver, handler: BaseHTTPRequestHandler) -> None:
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    if handler.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    is_logs = handler.path.endswith("/v1/logs")
    answer = receiver.answers.popleft() if is_logs and receiver.answers else Answer()
    if is_logs and (status := receiver.refuses(ExportLogsServiceRequest.FromString(body))) is not None:
        answer = Answer(status)
    with receiver.changed:
        if is_logs:
            receiver.seen.append({key.lower(): value for key, value in handler.headers.items()})
        if answer.status == 200:
            if is_logs:
                receiver.logs.append(ExportLogsServiceRequest.FromString(body))
            else:
                receiver.traces.append(ExportTraceServiceRequest.FromString(body))
        receiver.changed.notify_all()
    if answer.status == HANG:
        receiver.stopping.wait(30)
    if answer.status <= 0:
        handler.close_connection = True
        return
    handler.send_response(answer.status)
    for name, value in {"Content-Length": "0", **answer.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
