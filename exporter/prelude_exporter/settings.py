"""What one exporter process is told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from prelude_exporter.access.security import Security
from prelude_exporter.limits import Limits
from prelude_otel.errors import ConfigurationError

__all__ = ["Address", "Settings"]

_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT`` or ``[IPV6]:PORT``.

        Raises:
            ConfigurationError: it is neither.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > _LAST_PORT or (":" in host and host[0] != "["):
            raise ConfigurationError(
                f"{text!r} is no address to listen on; write HOST:PORT, like 127.0.0.1:4328 or [::1]:4328"
            )
        return cls(host.strip("[]"), int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of an exporter.

    Args:
        catalogues: catalogue files of the services, beside the reference's eighteen activities.
        writers: connections that write.
        security: who may send.
        limits: of one request, and of connections.
        waiting_bytes: bytes of requests that may wait for their commit.
        wait: seconds that a request may take before it is refused.
        span_window: how long a record waits for its span, and a span for its records.
        accept_past: older rows go to quarantine.
        accept_future: rows further ahead go to quarantine.
        quarantine_keep: how long the quarantine keeps its entries, 7 days at least; None: for ever.
        self_telemetry: whether its own metrics go out by OTLP, as ``OTEL_EXPORTER_OTLP_*`` say.
        maintenance: seconds between two rounds of the periodic work.
        measuring: seconds between two looks at what `/metrics` shows of the database.

    Raises:
        ConfigurationError: it would listen beyond this machine with nobody asked who they are.
    """

    database_url: str = field(repr=False)
    http: Address = field(default_factory=lambda: Address("127.0.0.1", 4328))
    grpc: Address = field(default_factory=lambda: Address("127.0.0.1", 4327))
    security: Security = field(default_factory=Security)
    limits: Limits = field(default_factory=Limits)
    migrate: bool = False
    catalogues: tuple[Path, ...] = ()
    writers: int = 2
    waiting_bytes: int = 64 * 1024 * 1024
    wait: float = 4.0
    span_window: timedelta = timedelta(hours=24)
    accept_past: timedelta = timedelta(days=3653)
    accept_future: timedelta = timedelta(days=1)
    quarantine_keep: timedelta | None = timedelta(days=90)
    self_telemetry: bool = False
    maintenance: float = 600.0
    measuring: float = 30.0

    def __post_init__(self) -> None:
        self.security.check([str(address) for address in (self.http, self.grpc) if not address.loopback])
