"""An OTLP/gRPC server that keeps what it is sent: the place of the exporter where a test is about the Collector alone."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Sink", "running_sink"]


class Sink:
    """What has arrived, and how to answer.

    Attributes:
        logs: log requests that were answered with success.
        traces: trace requests that were answered with success.
        refusals: how many of the next requests are refused as UNAVAILABLE.
        refused: how many were.
    """

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.traces: list[Any] = []
        self.refusals = 0
        self.refused = 0
        self._changed = threading.Condition()

    @property
    def records(self) -> list[LogRecord]:
        """All log records, in the order of their arrival."""
        return [
            record
            for request in list(self.logs)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order of their arrival."""
        return [
            span
            for request in list(self.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def take(self, kept: list[Any], request: Any, context: grpc.ServicerContext) -> None:
        """Keep a request, or refuse it retryably."""
        with self._changed:
            if self.refusals:
                self.refusals -= 1
                self.refused += 1
            else:
                kept.append(request)
                self._changed.notify_all()
                return
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    def wait_for(self, true: Callable[[], bool], *, within: float = 30.0) -> None:
        """Return as soon as `true` holds; looked at whenever something arrives."""
        deadline = time.monotonic() + within
        with self._changed:
            while not true():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{len(self.records)} records and {len(self.spans)} spans after {within} s")
                self._changed.wait(left)


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (the service's name for it)
        self._sink.take(self._sink.logs, request, context)
        return logs_service_pb2.ExportLogsServiceResponse()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (the service's name for it)
        self._sink.take(self._sink.traces, request, context)
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def running_sink(address: str) -> Iterator[Sink]:
    """Listen at `address` (``host:port``) with gRPC's default limits."""
    sink = Sink()
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(sink), server)  # type: ignore[no-untyped-call]
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(sink), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(address)
    server.start()
    try:
        yield sink
    finally:
        server.stop(grace=1).wait()
