"""A chain with TLS, client certificates and tokens on both legs: deploy/collector-secure.yaml as it ships, and an exporter."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prelude_exporter.access.tokens import line_for, new_token
from tests.support.certificates import Authority, Pair
from tests.support.chain import running_exporter
from tests.support.collector import RunningCollector, collector_program, running_collector
from tests.support.ports import free_ports
from tests.support.postgres import TestServer

__all__ = ["collector_program"]

ROOT = Path(__file__).parents[3]
SECURE = ROOT / "deploy" / "collector-secure.yaml"
SERVICES = ("billing", "crm", "local")
SERVICE = """
import sys, prelude_otel
prelude_otel.instrument(service_name=sys.argv[1])
prelude_otel.emit("crm.view_deal", entity_id=sys.argv[2], user_email="user@company.com")
sys.exit(0 if prelude_otel.flush(float(sys.argv[3])) else 3)
"""


def speaks(address: str) -> bool:
    """Whether somebody listens at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Wire:
    """The running chain, and what a service needs to send to it."""

    collector: RunningCollector
    authority: Authority
    folder: Path
    database: str
    ports: dict[str, str]
    tokens: dict[str, str]
    client: Pair

    def exporter_knows(self, *lines: str) -> None:
        """Write the exporter's file of tokens, with these lines beside those of the services."""
        named = {"local": ("demo", "crm-service")}
        known = [line_for(name, named.get(name, (name,)), token) for name, token in self.tokens.items()]
        (self.folder / "exporter-tokens").write_text("\n".join([*known, *lines]) + "\n", encoding="utf-8")

    def collector_has(self, name: str, *tokens: str) -> None:
        """Write the Collector's file of one service."""
        (self.folder / "tokens").mkdir(exist_ok=True)
        (self.folder / "tokens" / name).write_text("\n".join(tokens) + "\n", encoding="utf-8")

    def variables(self, port: str, token: str, *, certificate: bool = True) -> dict[str, str]:
        """Of OpenTelemetry, for a service that sends to this port."""
        given = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{self.ports[port]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if port.endswith("grpc") else "http/protobuf",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.authority.certificate),
        }
        if certificate:
            given["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] = str(self.client.certificate)
            given["OTEL_EXPORTER_OTLP_CLIENT_KEY"] = str(self.client.key)
        return given

    def service(
        self, name: str, entity: int, variables: dict[str, str], within: float = 10
    ) -> subprocess.CompletedProcess[str]:
        """Run a service that emits one activity; its exit code is 0 when the Collector took it."""
        return subprocess.run(
            [sys.executable, "-c", SERVICE, name, str(entity), str(within)],
            env={key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PRELUDE_"))}
            | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def context(self) -> ssl.SSLContext:
        """For a client of its own making."""
        made = ssl.create_default_context(cafile=str(self.authority.certificate))
        made.load_cert_chain(self.client.certificate, self.client.key)
        return made

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def wire(postgres: TestServer, collector_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("wire")
    authority, internal = Authority(folder, "services authority"), Authority(folder, "internal authority")
    server, inside = authority.server("collector"), internal.server("exporter")
    own = internal.client("collector", alternative="collector.internal")
    ports = free_ports("billing grpc", "billing http", "crm grpc", "crm http", "exporter")
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    tokens = {name: new_token() for name in SERVICES}
    url = postgres.create_database()
    made = Wire(None, authority, folder, url, addresses, tokens, authority.client("service"))  # type: ignore[arg-type]
    made.exporter_knows()
    for name, token in tokens.items():
        made.collector_has(name, token)
    environment = {
        "PRELUDE_COLLECTOR_TOKENS": str(folder / "tokens"),
        "PRELUDE_COLLECTOR_BILLING_GRPC": addresses["billing grpc"],
        "PRELUDE_COLLECTOR_BILLING_HTTP": addresses["billing http"],
        "PRELUDE_COLLECTOR_CRM_GRPC": addresses["crm grpc"],
        "PRELUDE_COLLECTOR_CRM_HTTP": addresses["crm http"],
        "PRELUDE_COLLECTOR_TLS_CERT": str(server.certificate),
        "PRELUDE_COLLECTOR_TLS_KEY": str(server.key),
        "PRELUDE_COLLECTOR_CLIENT_CA": str(authority.certificate),
        "PRELUDE_COLLECTOR_EXPORTER_CA": str(internal.certificate),
        "PRELUDE_COLLECTOR_EXPORTER_CERT": str(own.certificate),
        "PRELUDE_COLLECTOR_EXPORTER_KEY": str(own.key),
    }
    flags = (
        f"--tls-cert={inside.certificate}",
        f"--tls-key={inside.key}",
        f"--tls-client-ca={internal.certificate}",
        f"--tokens={folder / 'exporter-tokens'}",
    )
    with (
        running_exporter(url, addresses["exporter"], folder / "exporter.log", *flags, ready=speaks),
        running_collector(
            collector_program, folder, exporter=addresses["exporter"], overlays=[SECURE], environment=environment
        ) as collector,
    ):
        made.collector = collector
        yield made
    postgres.drop_database(url)
    for log in ("collector.log", "exporter.log"):
        said = (folder / log).read_text(encoding="utf-8", errors="replace")
        assert [name for name, token in tokens.items() if token in said] == []
