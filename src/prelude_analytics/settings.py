"""What one analytics process is told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from prelude_otel.errors import ConfigurationError

__all__ = ["TRACE_ID", "Settings", "is_loopback", "listed"]

_LAST_PORT: Final = 65_535
_SERVER_URL: Final = re.compile(r"https?://[^\s/@?#]+/?")
TRACE_ID: Final = "{trace_id}"
"""Stands for the id of a trace in a link to the tracing system."""
_NAME: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]|\.?[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine as it knows itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def listed(values: Iterable[str]) -> tuple[str, ...]:
    """What stands in `values`, each of which may be a list with commas, spaces or both between."""
    return tuple(part for value in values for part in re.split(r"[,\s]+", value) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of an analytics process. Times in seconds.

    Args:
        host: where it listens.
        port: 0 lets the system choose.
        allowed_hosts: names under which it may be asked for, beside `host` and those of the loopback; ``.example.com`` is all below.
        trusted_proxies: addresses and networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        tls_cert: the server's certificate, PEM, with its intermediates.
        tls_key: its key.
        allow_cleartext: listen beyond this machine though tokens and answers travel in the clear.
        connections: to the database, at most.
        statement_timeout: that a query may take.
        database_wait: that a request may wait for a connection.
        pending_timeout: an older pending row reads as a timeout.
        named_rankings: whether answers may rank people by name at all.
        session_lifetime: of a cookie.
        requests_per_second: that one token may make for long; 0: as many as it likes.
        requests_at_once: that it may make in one go.
        keeper: whether this process keeps rollups and sessions.
        retention_every: hours from one run of retention to the next, where there are policies; 0: this process runs none.
        seal_key_file: the key with which this process seals; None: it does not.
        seal_checkpoint_file: where checkpoints are added.
        seal_webhook: where checkpoints are sent.
        seal_bucket: of an S3-compatible store to which they are added.
        memory: MiB, about, that it remembers: half for figures, half for days of the timeline.
        live_sockets: of the live feed that may be open at once.
        live_sockets_per_token: of them, of one token; 0 is no limit of its own.
        care_url: a login in ``prelude_governor`` and ``prelude_writer``, for the quarantine; empty: it is not shown.
        four_eyes: have the log ask for a second one who governs and must consent to erasures, changes of address, policies and holds.
        consent_days: within which; then a proposal is void.
        exporter_url: where the exporter tells how it fares, ``http://HOST:PORT``; empty: it is not asked.
        catalogues: catalogue files of the services, for replays; as the exporter is given them.
        accept_past_days: older activities are not replayed; as for the exporter.
        accept_future_hours: activities further ahead are not replayed; as for the exporter.
        trace_url: address of a trace in the tracing system, with `TRACE_ID` (and ``{span_id}``) in it; pages link to it. Empty: they do not.
        warm_up: whether it asks the questions of a dashboard itself when it starts, so that the first who asks need not wait.

    Raises:
        ConfigurationError: it would listen beyond this machine in the clear, or a setting is wrong.
    """

    database_url: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8005
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_cleartext: bool = False
    connections: int = 8
    statement_timeout: float = 5.0
    database_wait: float = 2.0
    pending_timeout: float = 86_400.0
    named_rankings: bool = True
    session_lifetime: float = 43_200.0
    requests_per_second: float = 200.0
    requests_at_once: int = 1000
    keeper: bool = True
    retention_every: float = 24.0
    seal_key_file: Path | None = None
    seal_checkpoint_file: Path | None = None
    seal_webhook: str | None = None
    seal_bucket: str | None = None
    memory: int = 1024
    live_sockets: int = 10_000
    live_sockets_per_token: int = 100
    care_url: str = field(default="", repr=False)
    four_eyes: bool = False
    consent_days: float = 7.0
    exporter_url: str = ""
    catalogues: tuple[Path, ...] = ()
    accept_past_days: int = 3653
    accept_future_hours: int = 24
    trace_url: str = ""
    warm_up: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.port <= _LAST_PORT:
            raise ConfigurationError(f"{self.port} is no port to listen on; choose one from 0 to {_LAST_PORT}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigurationError("a certificate and its key go together: give --tls-cert and --tls-key")
        if not self.loopback and self.tls_cert is None and not self.allow_cleartext:
            raise ConfigurationError(
                f"{self.host} can be reached from other machines, and tokens and what they open would travel there in the clear; "
                "give --tls-cert and --tls-key, listen on 127.0.0.1, or, where a proxy or a mesh encrypts, say --allow-cleartext"
            )
        if "*" in self.allowed_hosts:
            raise ConfigurationError(
                "'*' allows every host, and with it any page that has its name lead here; name the hosts, like crm.example.com"
            )
        if self.exporter_url and not _SERVER_URL.fullmatch(self.exporter_url):
            raise ConfigurationError(
                f"{self.exporter_url!r} is no address of an exporter; give scheme, host and port alone, like http://127.0.0.1:4328"
            )
        for name in self.allowed_hosts:
            if not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{name!r} is no name of a host; give names alone, without scheme, port and path, like crm.example.com"
                )
        for proxy in self.trusted_proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ConfigurationError(
                    f"trusted proxies: {error}; give addresses or networks like 10.0.0.0/8"
                ) from None

        if self.trace_url and not _leads_to_a_trace(self.trace_url):
            raise ConfigurationError(
                f"{self.trace_url!r} leads to no trace; give an address of the tracing system with {TRACE_ID} in it, "
                f"like https://tempo.example/trace/{TRACE_ID}"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def _leads_to_a_trace(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and TRACE_ID in url and url.isprintable()
