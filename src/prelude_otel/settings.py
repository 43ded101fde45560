"""What `instrument` is told, by arguments, ``PRELUDE_*`` and OpenTelemetry's own variables, checked once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from prelude_otel.errors import ConfigurationError

__all__ = ["DEFAULT_SESSION_KEY", "Fsync", "Settings", "UserFunction", "read_settings"]

User = str | tuple[str | None, str | None] | None
UserFunction = Callable[[Any], User]
"""A function of the request (`starlette.requests.Request`) that gives its user: an address, (address, session id), or None."""

Fsync = Literal["never", "interval", "always"]
"""When what is in the spool is forced onto the device."""

_MEBIBYTE: Final = 1024 * 1024
_PROTOCOLS: Final = ("http/protobuf", "grpc")
_DEFAULT_ENDPOINT: Final = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
DEFAULT_SESSION_KEY: Final = b"prelude-otel session"


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings; two calls of `instrument` with equal ones are the same call. Times in seconds."""

    service_name: str | None
    endpoint: str
    protocol: str
    logs_url: str
    traces_url: str
    export_spans: bool
    headers: Mapping[str, str] = field(repr=False)
    timeout_s: float
    compression: str
    insecure: bool
    certificate: str | None
    client_certificate: str | None
    client_key: str | None
    linger_s: float
    events: str
    user: UserFunction | None
    catalogue: tuple[Path, ...]
    session_header: bytes
    session_cookie: str
    session_key: bytes = field(repr=False)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    logger_provider: Any
    spool: Path | None
    spool_fsync: Fsync
    spool_max_bytes: int
    disabled: bool


def read_settings(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    user: UserFunction | None = None,
    catalogue: str | Path | tuple[str | Path, ...] | list[str | Path] | None = None,
    events: str | None = None,
    logger_provider: Any = None,
    spool: str | Path | None = None,
    session_header: str | None = None,
    session_cookie: str | None = None,
    session_key: str | bytes | None = None,
    trusted_proxies: str | tuple[str, ...] | list[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Arguments first, then ``PRELUDE_*``, then ``OTEL_*``.

    Raises:
        ConfigurationError: a value is wrong; names it and what is allowed.
    """
    protocol = _otlp(environ, "PROTOCOL") or "http/protobuf"
    if protocol not in _PROTOCOLS:
        raise ConfigurationError(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol!r}: choose one of {', '.join(_PROTOCOLS)}")
    base = endpoint or environ.get("PRELUDE_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    own_logs = None if endpoint else environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")
    own_traces = None if endpoint else environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    base = _url((own_logs if protocol == "grpc" else None) or base or _DEFAULT_ENDPOINT[protocol], protocol)
    events = events or environ.get("PRELUDE_EVENTS") or "log"
    if events not in ("log", "span"):
        raise ConfigurationError(f"events={events!r}: choose 'log' (log records) or 'span' (span events)")
    if events == "span" and logger_provider is not None:
        raise ConfigurationError("events='span' uses no logger; leave logger_provider out")
    spool = spool or environ.get("PRELUDE_SPOOL") or None
    if spool is not None and (events == "span" or logger_provider is not None):
        raise ConfigurationError(
            f"spool={str(spool)!r} keeps what travels by prelude-otel's own pipeline; leave it out, or leave out "
            f"{'events=' + repr(events) if events == 'span' else 'logger_provider'}"
        )
    if user is not None and (not callable(user) or iscoroutinefunction(user)):
        raise ConfigurationError(
            f"user={user!r} must be a plain function of the request; where the user is found by awaiting, "
            "call set_user() in that dependency instead"
        )
    key = session_key or environ.get("PRELUDE_SESSION_KEY") or DEFAULT_SESSION_KEY
    return Settings(
        service_name=service_name or environ.get("PRELUDE_SERVICE_NAME") or None,
        endpoint=base,
        protocol=protocol,
        logs_url=_url(own_logs, protocol) if own_logs else f"{base}/v1/logs",
        traces_url=_url(own_traces, protocol) if own_traces else f"{base}/v1/traces",
        export_spans=environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() != "none",
        headers=_headers(_otlp(environ, "HEADERS")),
        timeout_s=_seconds(environ, "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", default=10.0),
        compression=_compression(_otlp(environ, "COMPRESSION")),
        insecure=_insecure(_otlp(environ, "INSECURE"), base),
        certificate=_otlp(environ, "CERTIFICATE"),
        client_certificate=_otlp(environ, "CLIENT_CERTIFICATE"),
        client_key=_otlp(environ, "CLIENT_KEY"),
        linger_s=_seconds(environ, "OTEL_BLRP_SCHEDULE_DELAY", default=10.0) / 1000,
        events=events,
        user=user,
        catalogue=_catalogue(catalogue or environ.get("PRELUDE_CATALOGUE")),
        session_header=_header_name(session_header or environ.get("PRELUDE_SESSION_HEADER") or "X-Session-ID"),
        session_cookie=session_cookie or environ.get("PRELUDE_SESSION_COOKIE") or "session_id",
        session_key=key.encode() if isinstance(key, str) else key,
        trusted_proxies=_networks(trusted_proxies or environ.get("PRELUDE_TRUSTED_PROXIES")),
        logger_provider=logger_provider,
        spool=Path(spool).absolute() if spool is not None else None,
        spool_fsync=_fsync(environ.get("PRELUDE_SPOOL_FSYNC")),
        spool_max_bytes=_mebibytes(environ, "PRELUDE_SPOOL_MAX_MIB", default=1024),
        disabled=environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
    )


def _fsync(value: str | None) -> Fsync:
    match (value or "interval").strip().lower():
        case "never" | "interval" | "always" as policy:
            return policy
        case _:
            raise ConfigurationError(f"PRELUDE_SPOOL_FSYNC={value!r}: choose 'never', 'interval' or 'always'")


def _mebibytes(environ: Mapping[str, str], name: str, *, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal() or not 1 <= int(value) <= _MEBIBYTE:
        raise ConfigurationError(f"{name}={value!r} is no number of MiB between 1 and {_MEBIBYTE}")
    return int(value) * _MEBIBYTE


def _otlp(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(f"OTEL_EXPORTER_OTLP_LOGS_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}") or None


def _url(value: str, protocol: str) -> str:
    if protocol == "grpc" and "://" not in value:
        value = f"http://{value}"
    if "@" in value:
        raise ConfigurationError(
            "the OTLP endpoint holds a user or a password, which would be shown; put them into OTEL_EXPORTER_OTLP_HEADERS, "
            "like authorization=Bearer%20…"
        )
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        right = False
    if not right:
        raise ConfigurationError(f"OTLP endpoint {value!r} is no URL like http://localhost:4318")
    return value.rstrip("/")


def _headers(value: str | None) -> dict[str, str]:
    headers = {}
    for number, pair in enumerate((value or "").split(","), start=1):
        if not pair.strip():
            continue
        name, separator, content = pair.partition("=")
        if not separator or not name.strip():  # the value itself may be a secret and is not named
            raise ConfigurationError(f"OTEL_EXPORTER_OTLP_HEADERS: entry {number} is not key=value")
        name, content = name.strip(), unquote(content.strip())
        if not _HEADER_NAME.fullmatch(name) or not (content.isascii() and content.isprintable()):
            raise ConfigurationError(f"OTEL_EXPORTER_OTLP_HEADERS: entry {number} can't be sent: use printable ASCII")
        headers[name] = content
    return headers


def _seconds(environ: Mapping[str, str], *names: str, default: float) -> float:
    for name in names:
        value = environ.get(name)
        if value:
            try:
                number = float(value)
            except ValueError:
                number = -1.0
            if not 0 <= number < float("inf"):
                raise ConfigurationError(f"{name}={value!r} is not a number of zero or more")
            return number
    return default


def _compression(value: str | None) -> str:
    value = (value or "none").lower()
    if value not in ("none", "gzip"):
        raise ConfigurationError(f"OTEL_EXPORTER_OTLP_COMPRESSION={value!r}: choose 'gzip' or 'none'")
    return value


def _insecure(value: str | None, endpoint: str) -> bool:
    if value is None:
        return endpoint.startswith("http://")
    if value.strip().lower() not in ("true", "false"):
        raise ConfigurationError(f"OTEL_EXPORTER_OTLP_INSECURE={value!r}: choose 'true' or 'false'")
    return value.strip().lower() == "true"


def _header_name(value: str) -> bytes:
    if not _HEADER_NAME.fullmatch(value):
        raise ConfigurationError(f"session_header={value!r} is no name of an HTTP header, like 'X-Session-ID'")
    return value.lower().encode("ascii")


def _catalogue(value: Any) -> tuple[Path, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(Path(part) for part in value.split(os.pathsep) if part)
    return tuple(Path(part) for part in value) if isinstance(value, tuple | list) else (Path(value),)


def _networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    parts = value.split(",") if isinstance(value, str) else value or ()
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in parts)
    except ValueError as error:
        raise ConfigurationError(f"trusted_proxies: {error}; give addresses or networks like 10.0.0.0/8") from error
