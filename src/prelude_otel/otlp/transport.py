"""One export call to an OTLP receiver, over HTTP or gRPC, and what its answer means.

Python imports the codec of host names with the first connection, in the sender's thread. A child forked in that moment would have half
a module, and no host name would be found in it ever again; so it is imported here.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 (see the docstring)
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import urllib3

from prelude_otel.errors import ConfigurationError, MissingExtraError
from prelude_otel.otlp.reason import reason, reason_in

if TYPE_CHECKING:
    from prelude_otel.settings import Settings

__all__ = ["Answer", "Transport", "Verdict", "transport_for"]

RETRYABLE_HTTP: Final = frozenset({429, 502, 503, 504})
"""OTLP specification, "Retryable Response Codes"."""
RETRYABLE_GRPC: Final = frozenset(
    {
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNAVAILABLE",
        "DATA_LOSS",
    }
)


Signal = Literal["logs", "traces"]
_GRPC_METHOD: Final[dict[Signal, str]] = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}


_ABOUT_THE_REQUEST_HTTP: Final = frozenset({400, 413, 422, 500})
_ABOUT_THE_REQUEST_GRPC: Final = frozenset(
    {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"}
)


class Verdict(Enum):
    """What a receiver has to say of a request."""

    ACCEPTED = auto()
    LATER = auto()
    """Not now: it is away, or busy."""
    REFUSED = auto()
    """Not this request, nor any other time: something in it, or its size."""
    SET_UP = auto()
    """Not from this sender, or not at this address (credentials, URL, certificate): until somebody mends the settings."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request, and when to come again."""

    verdict: Verdict
    retry_after_s: float | None = None
    said: str = ""


class Transport(Protocol):
    """Sends ready OTLP bytes. Never raises for what a network or a receiver may do."""

    def send(self, request: bytes, timeout_s: float) -> Answer:
        """One attempt."""

    def close(self) -> None:
        """Give back connections."""


def transport_for(settings: Settings, signal: Signal = "logs") -> Transport:
    """The transport that the settings ask for, for one signal.

    Raises:
        ConfigurationError: a certificate file can't be used.
        MissingExtraError: gRPC is asked for, and grpcio is not installed.
    """
    return GrpcTransport(settings, signal) if settings.protocol == "grpc" else HttpTransport(settings, signal)


class HttpTransport:
    """OTLP/HTTP with protobuf bodies, over one kept connection."""

    def __init__(self, settings: Settings, signal: Signal) -> None:
        self._url = settings.logs_url if signal == "logs" else settings.traces_url
        self._gzip = settings.compression == "gzip"
        self._headers = {"Content-Type": "application/x-protobuf", **settings.headers}
        if self._gzip:
            self._headers["Content-Encoding"] = "gzip"
        options: dict[str, Any] = {"maxsize": 1, "retries": False}
        if self._url.startswith("https:"):
            options |= {
                "ca_certs": settings.certificate,
                "cert_file": settings.client_certificate,
                "key_file": settings.client_key,
            }
        self._pool = urllib3.PoolManager(num_pools=1, **options)

    def send(self, request: bytes, timeout_s: float) -> Answer:
        """One POST."""
        body = gzip.compress(request, 1) if self._gzip else request
        try:
            response = self._pool.request(
                "POST", self._url, body=body, headers=self._headers, timeout=timeout_s, redirect=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(Verdict.LATER, said=f"{type(error).__name__} at {self._url}")
        if response.status < 300:
            return Answer(Verdict.ACCEPTED)
        return Answer(
            _verdict(response.status in RETRYABLE_HTTP, response.status in _ABOUT_THE_REQUEST_HTTP),
            _seconds(response.headers),
            f"{self._url} answered {response.status}{reason_in(response.data)}",
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


class GrpcTransport:
    """OTLP/gRPC; the bytes go out as they are."""

    def __init__(self, settings: Settings, signal: Signal) -> None:
        try:
            import grpc
        except ModuleNotFoundError as error:
            raise MissingExtraError("OTLP over gRPC (OTEL_EXPORTER_OTLP_PROTOCOL=grpc)", "grpc", "grpc") from error
        self._grpc = grpc
        target = settings.endpoint.split("://", 1)[-1].rstrip("/")
        options = [("grpc.max_send_message_length", -1)]
        compression = grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression
        if settings.insecure:
            self._channel = grpc.insecure_channel(target, options=options, compression=compression)
        else:
            credentials = grpc.ssl_channel_credentials(
                _content(settings.certificate), _content(settings.client_key), _content(settings.client_certificate)
            )
            self._channel = grpc.secure_channel(target, credentials, options=options, compression=compression)
        self._metadata = tuple((key.lower(), value) for key, value in settings.headers.items())
        self._call = self._channel.unary_unary(
            _GRPC_METHOD[signal],
            request_serializer=None,
            response_deserializer=None,
        )
        self._target = target

    def send(self, request: bytes, timeout_s: float) -> Answer:
        """One unary call."""
        try:
            self._call(request, timeout=timeout_s, metadata=self._metadata)
        except self._grpc.RpcError as error:
            code = error.code().name
            retry = code in RETRYABLE_GRPC and (code != "RESOURCE_EXHAUSTED" or _has_retry_info(error))
            return Answer(
                _verdict(retry, code in _ABOUT_THE_REQUEST_GRPC),
                said=f"{self._target} answered {code}{reason(error.details())}",
            )
        return Answer(Verdict.ACCEPTED)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _verdict(passing: bool, about_the_request: bool) -> Verdict:
    if passing:
        return Verdict.LATER
    return Verdict.REFUSED if about_the_request else Verdict.SET_UP


def _has_retry_info(error: Any) -> bool:
    """RESOURCE_EXHAUSTED may be tried again only where the server says so (OTLP specification, "OTLP/gRPC Throttling")."""
    return any(
        key == "grpc-status-details-bin" and b"google.rpc.RetryInfo" in value
        for key, value in error.trailing_metadata() or ()
    )


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a path as the OTEL_ variable gives it)
            return file.read()
    except OSError as error:
        raise ConfigurationError(f"certificate file {path!r} can't be read: {error}") from error
