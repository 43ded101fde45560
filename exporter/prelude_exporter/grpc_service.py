"""OTLP over gRPC: ``LogsService`` and ``TraceService``, bytes in and bytes out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio

from prelude_exporter import answers
from prelude_exporter.decode import MalformedRequestError
from prelude_exporter.intake import Intake, NotNowError, Signal
from prelude_exporter.metrics import Metrics
from prelude_exporter.sender import Sender, address_of_peer
from prelude_otel.errors import ConfigurationError

__all__ = ["make_server"]

_log = logging.getLogger(__name__)
_METHODS: Final[dict[str, Signal]] = {
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
}
_STREAMS: Final = 256
"""Requests at once on one connection; HTTP/2 lets the sender wait for more, which costs it nothing."""

Handler = Callable[[bytes, Any], Awaitable[bytes]]


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, intake: Intake, metrics: Metrics) -> None:
        # No deserializer: the decoder wants the bytes.
        self._handlers = {
            method: grpc.unary_unary_rpc_method_handler(_handler(signal, intake, metrics))
            for method, signal in _METHODS.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


def make_server(intake: Intake, metrics: Metrics, address: str, max_request_bytes: int) -> tuple[Any, int]:
    """A server that is bound but not started, and its port.

    Raises:
        ConfigurationError: the address can't be bound.
    """
    server = grpc.aio.server(
        options=[
            # Decompressed. A larger one is answered RESOURCE_EXHAUSTED by gRPC itself, and could never come in.
            ("grpc.max_receive_message_length", max_request_bytes),
            ("grpc.max_concurrent_streams", _STREAMS),
            ("grpc.so_reuseport", 0),  # a second exporter on the same port is a mistake, and shall hear so
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]
    )
    server.add_generic_rpc_handlers((_Services(intake, metrics),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise ConfigurationError(
            f"can't listen for gRPC on {address}: is it in use, or not an address of this machine?"
        )
    return server, port


def _handler(signal: Signal, intake: Intake, metrics: Metrics) -> Handler:
    count = {answer: metrics.requests.labels("grpc", signal, answer) for answer in ("ok", "malformed", "unavailable")}

    async def export(request: bytes, context: Any) -> bytes:
        try:
            decoded = await intake.accept(signal, request, Sender(address_of_peer(context.peer())))
            response = answers.success(signal, decoded).SerializeToString()
        except MalformedRequestError as error:
            count["malformed"].inc()
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except NotNowError as error:
            count["unavailable"].inc()
            await _unavailable(context, str(error))
        except Exception:  # noqa: BLE001 (see below)
            # UNKNOWN, gRPC's own answer to an exception, makes the Collector throw the batch away.
            _log.exception("a request failed in an unforeseen way")
            count["unavailable"].inc()
            await _unavailable(context, "the exporter failed in an unforeseen way")
        count["ok"].inc()
        return bytes(response)

    return export


async def _unavailable(context: Any, message: str) -> None:
    details = answers.status(answers.UNAVAILABLE, message).SerializeToString()
    await context.abort(grpc.StatusCode.UNAVAILABLE, message, (("grpc-status-details-bin", details),))
