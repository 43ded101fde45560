"""Both legs with TLS, client certificates and tokens: a service writes as itself, and as nobody else."""

from __future__ import annotations

import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prelude_exporter.access.tokens import new_token
from tests.e2e.wire.conftest import SECURE, Wire
from tests.integration.exporter.conftest import activity, logs
from tests.support.certificates import Authority
from tests.support.collector import BUILD_TIMEOUT, running_collector
from tests.support.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT)]

ROWS = "SELECT service_name, entity_id FROM user_activity_logs ORDER BY 1, 2"


def eventually(condition: Callable[[], Any], within: float = 30) -> None:
    ends = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.05)


def post(wire: Wire, port: str, token: str, body: bytes, context: ssl.SSLContext | None = None) -> int:
    request = urllib.request.Request(
        f"https://{wire.ports[port]}/v1/logs",
        body,
        {"content-type": "application/x-protobuf", "authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20, context=context or wire.context()) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(("port", "entity"), [("billing http", 1), ("billing grpc", 2)])
def test_a_service_sends_by_its_certificate_and_its_token(wire: Wire, port: str, entity: int) -> None:
    ran = wire.service("billing", entity, wire.variables(port, wire.tokens["billing"]))
    assert ran.returncode == 0, ran.stderr
    assert wire.tokens["billing"] not in ran.stdout + ran.stderr
    eventually(lambda: ("billing", str(entity)) in wire.query(ROWS))


def test_the_token_of_one_service_opens_no_door_of_another(wire: Wire) -> None:
    for port in ("crm http", "billing http"):
        for token in (wire.tokens["billing"], wire.tokens["crm"], "wrong", ""):
            allowed = wire.tokens[port.partition(" ")[0]] == token
            assert post(wire, port, token, b"") == (200 if allowed else 401)


def test_what_a_service_says_in_anothers_name_is_seen_in_the_quarantine(wire: Wire) -> None:
    mixed = logs(activity(11), service="crm") + logs(activity(12), service="billing")
    assert post(wire, "billing http", wire.tokens["billing"], mixed) == 200
    eventually(lambda: ("billing", "12") in wire.query(ROWS))
    eventually(lambda: wire.query("SELECT 1 FROM activity_quarantine"))
    [(reason, detail)] = wire.query("SELECT reason, detail FROM activity_quarantine")
    assert reason == "service_not_allowed"
    assert detail == "a record of service 'crm' came from 'billing' at 127.0.0.1, who may speak for: billing"
    assert ("crm", "11") not in wire.query(ROWS)


def test_without_a_certificate_of_the_authority_there_is_no_connection(wire: Wire, tmp_path: Path) -> None:
    nobody = ssl.create_default_context(cafile=str(wire.authority.certificate))
    foreign = ssl.create_default_context(cafile=str(wire.authority.certificate))
    pair = Authority(tmp_path, "foreign authority").client("service")
    foreign.load_cert_chain(pair.certificate, pair.key)
    for context in (nobody, foreign):
        with pytest.raises(OSError):
            post(wire, "billing http", wire.tokens["billing"], b"", context)
    ran = wire.service(
        "billing", 4, wire.variables("billing grpc", wire.tokens["billing"], certificate=False), within=1
    )
    assert ran.returncode == 3
    assert wire.tokens["billing"] not in ran.stdout + ran.stderr


def test_a_service_on_the_same_machine_needs_no_token_of_its_own(wire: Wire) -> None:
    record = activity(21)
    request = urllib.request.Request(
        f"{wire.collector.http}/v1/logs", logs(record), {"content-type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
    eventually(lambda: ("crm-service", "21") in wire.query(ROWS))


def test_tokens_are_rotated_and_a_wrong_order_costs_delay_and_no_data(wire: Wire) -> None:
    old, new = wire.tokens["crm"], new_token()
    wire.collector_has("crm", new, old)  # too early: the exporter does not know the new one yet
    eventually(lambda: post(wire, "crm http", new, b"") == 200)
    assert post(wire, "crm http", old, logs(activity(31), service="crm")) == 200
    time.sleep(2)
    assert ("crm", "31") not in wire.query(ROWS)
    wire.tokens["crm"] = new
    wire.exporter_knows()
    eventually(lambda: ("crm", "31") in wire.query(ROWS))
    wire.collector_has("crm", new)
    eventually(lambda: post(wire, "crm http", old, b"") == 401)
    assert post(wire, "crm http", new, logs(activity(32), service="crm")) == 200
    eventually(lambda: ("crm", "32") in wire.query(ROWS))


def test_tls_and_a_token_are_enough_where_no_certificate_is_asked_for(
    wire: Wire, collector_program: Path, tmp_path: Path
) -> None:
    ports = free_ports("billing grpc", "billing http", "crm grpc", "crm http")
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    environment = {
        "PRELUDE_COLLECTOR_TOKENS": str(wire.folder / "tokens"),
        "PRELUDE_COLLECTOR_TLS_CERT": str(wire.folder / "collector.pem"),
        "PRELUDE_COLLECTOR_TLS_KEY": str(wire.folder / "collector.key"),
        "PRELUDE_COLLECTOR_EXPORTER_CA": str(wire.authority.certificate),
    } | {f"PRELUDE_COLLECTOR_{name.upper().replace(' ', '_')}": address for name, address in addresses.items()}
    with running_collector(collector_program, tmp_path, overlays=[SECURE], environment=environment):
        elsewhere = replace(wire, ports=addresses)
        for port in ("billing grpc", "billing http"):
            variables = elsewhere.variables(port, wire.tokens["billing"], certificate=False)
            ran = elsewhere.service("billing", 41, variables)
            assert ran.returncode == 0, ran.stderr


def test_the_settings_are_valid(collector_program: Path, wire: Wire, tmp_path: Path) -> None:
    said = subprocess.run(
        [collector_program, "validate", "--config", SECURE.parents[1] / "collector-config.yaml", "--config", SECURE],
        env={"PRELUDE_COLLECTOR_STORAGE": str(tmp_path), "PRELUDE_COLLECTOR_TOKENS": str(wire.folder / "tokens")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")
