"""OTLP over gRPC: ``LogsService`` and ``TraceService``, bytes in and bytes out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from prelude_exporter.access.gate import Gate, StaleCredentialError, UnauthenticatedError
from prelude_exporter.access.tls import names_in_grpc
from prelude_exporter.edge import answers
from prelude_exporter.edge.intake import Intake, Signal
from prelude_exporter.edge.refusals import say_refusal
from prelude_exporter.edge.vanished import Vanished
from prelude_exporter.errors import MalformedRequestError, NotNowError, TooLargeError
from prelude_exporter.limits import Limits
from prelude_exporter.sender import Sender, address_of_peer
from prelude_exporter.watch.metrics import OUTCOMES, Metrics
from prelude_otel.errors import ConfigurationError

__all__ = ["make_server"]

_log = logging.getLogger(__name__)
_METHODS: Final[dict[str, Signal]] = {
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
}
_STREAMS: Final = 64
"""Requests at once on one connection; HTTP/2 lets the sender wait for more, which costs it nothing."""
_HANDSHAKE_MS: Final = 10_000
_IDLE_MS: Final = 600_000
_METADATA_BYTES: Final = 16_384
_VERDICT: Final = 0.1
"""Seconds within which gRPC cancels a call that it has refused, or that broke off; until then it looks like one without a request."""

Handler = Callable[[Any, Any], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Parts:
    intake: Intake
    metrics: Metrics
    gate: Gate
    limits: Limits
    vanished: Vanished = field(default_factory=Vanished)


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, parts: _Parts) -> None:
        # A stream of one, so that who it is and whether there is room is known before the request is read. No deserializer: the
        # decoder wants the bytes.
        self._handlers = {
            method: grpc.stream_unary_rpc_method_handler(_handler(signal, parts)) for method, signal in _METHODS.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


def make_server(
    intake: Intake,
    metrics: Metrics,
    address: str,
    limits: Limits,
    *,
    gate: Gate | None = None,
    credentials: Any = None,
) -> tuple[Any, int]:
    """A server that is bound but not started, and its port.

    Args:
        gate: asks senders who they are; nobody is asked without.
        credentials: gRPC server credentials, for TLS.

    Raises:
        ConfigurationError: the address can't be bound.
    """
    server = grpc.aio.server(
        options=[
            # Compressed and decompressed, which gRPC stops at this size. Above our limit, so that ours decides and leaves its note.
            ("grpc.max_receive_message_length", limits.hard_bytes),
            ("grpc.max_concurrent_streams", _STREAMS),
            ("grpc.max_allowed_incoming_connections", limits.connections),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
            ("grpc.max_connection_idle_ms", _IDLE_MS),
            ("grpc.max_metadata_size", _METADATA_BYTES),
            ("grpc.so_reuseport", 0),  # a second exporter on the same port is a mistake, and shall hear so
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]
    )
    server.add_generic_rpc_handlers((_Services(_Parts(intake, metrics, gate or Gate(), limits)),))
    try:
        port = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
    except RuntimeError:
        port = 0
    if not port:
        raise ConfigurationError(
            f"can't listen for gRPC on {address}: is it in use, or not an address of this machine?"
        )
    return server, port


def _handler(signal: Signal, parts: _Parts) -> Handler:
    intake, gate, limits = parts.intake, parts.gate, parts.limits
    count = {answer: parts.metrics.requests.labels("grpc", signal, answer) for answer in OUTCOMES}
    notes: set[asyncio.Task[None]] = set()

    async def refuse(context: Any, outcome: str, code: grpc.StatusCode, error: Exception) -> None:
        count[outcome].inc()
        say_refusal("grpc", outcome, address_of_peer(context.peer()), str(error))
        await context.abort(code, str(error))

    def refused_below(signal: Any, sender: Sender) -> None:
        said = f"the request has more than {limits.hard_bytes} bytes, and none of them was kept"
        parts.metrics.requests.labels("grpc", signal, "too_large").inc()
        say_refusal("grpc", "too_large", sender.address, said)
        note = asyncio.create_task(_note(intake, signal, sender, said))
        notes.add(note)
        note.add_done_callback(notes.discard)

    async def export(_requests: Any, context: Any) -> bytes:
        try:
            sender = _sender(gate, context)
            if refused := parts.vanished.refused(context.peer()):
                refused_below(*refused)
            request = await _read(context, parts, sender, signal)
            response = answers.success(signal, await intake.accept(signal, request, sender)).SerializeToString()
        except MalformedRequestError as error:
            await refuse(context, "malformed", grpc.StatusCode.INVALID_ARGUMENT, error)
        except TooLargeError as error:
            await refuse(context, "too_large", grpc.StatusCode.INVALID_ARGUMENT, error)
        except UnauthenticatedError as error:
            await refuse(context, "unauthenticated", grpc.StatusCode.UNAUTHENTICATED, error)
        except NotNowError as error:
            outcome = "stale_credential" if isinstance(error, StaleCredentialError) else "unavailable"
            count[outcome].inc()
            say_refusal("grpc", outcome, address_of_peer(context.peer()), str(error))
            await _unavailable(context, str(error))
        except Exception:  # noqa: BLE001 (see below)
            # UNKNOWN, gRPC's own answer to an exception, makes the Collector throw the batch away.
            _log.exception("a request failed in an unforeseen way")
            count["unavailable"].inc()
            await _unavailable(context, "the exporter failed in an unforeseen way")
        count["ok"].inc()
        return bytes(response)

    return export


def _sender(gate: Gate, context: Any) -> Sender:
    address = address_of_peer(context.peer())
    if gate.open:
        return Sender(address)
    authorization = next((value for key, value in context.invocation_metadata() or () if key == "authorization"), None)
    return gate.sender(address, authorization, names_in_grpc(context.auth_context()))


async def _read(context: Any, parts: _Parts, sender: Sender, signal: Signal) -> bytes:
    intake, limits = parts.intake, parts.limits
    peer = context.peer()  # nobody can say it any more when the call is over
    try:
        async with asyncio.timeout(limits.arrival):
            with intake.room() as take:
                take(0)
            request = await context.read()
    except TimeoutError as error:
        raise NotNowError(f"the request had not arrived after {limits.arrival:g} s") from error
    if request is grpc.aio.EOF:
        try:
            await asyncio.sleep(_VERDICT)
        except asyncio.CancelledError:
            parts.vanished.add(peer, signal, sender, context.time_remaining())
            raise
        raise MalformedRequestError("no request came")
    if len(request) > limits.request_bytes:
        said = f"the request has {len(request)} bytes, and {limits.request_bytes} are allowed"
        await intake.refuse_for_good(signal, sender, said, request)
    return bytes(request)


async def _note(intake: Intake, signal: Signal, sender: Sender, said: str) -> None:
    with contextlib.suppress(TooLargeError, NotNowError):  # the sender has its answer, whatever becomes of the note
        await intake.refuse_for_good(signal, sender, said, b"")


async def _unavailable(context: Any, message: str) -> None:
    details = answers.status(answers.UNAVAILABLE, message).SerializeToString()
    await context.abort(grpc.StatusCode.UNAVAILABLE, message, (("grpc-status-details-bin", details),))
