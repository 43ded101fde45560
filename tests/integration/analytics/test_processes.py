"""`prelude analytics` and `prelude token` as they are run: what they record, what they print, and what they never print."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket

from prelude_analytics.access.issue import Issued
from prelude_cli.main import cli
from tests.support.analytics import ADA, BOB, token_for
from tests.support.chain import running_exporter, wait_for_rows
from tests.support.ports import free_ports
from tests.support.postgres import ANALYTICS_LOGIN, TestServer

CANARY: Final = "canary-bird"
NOBODY: Final = "127.0.0.1:1"


class Process(NamedTuple):
    """A running service, its database and what it has said."""

    url: str
    database: str
    log: Path

    def client(self, token: Issued) -> httpx.Client:
        headers = {"authorization": f"Bearer {token.token}", "user-agent": "test"}
        return httpx.Client(base_url=f"{self.url}/api/analytics", headers=headers, trust_env=False, timeout=20)


@contextmanager
def serving(database: str, endpoint: str, log: Path) -> Iterator[Process]:
    """`prelude analytics` that says all that it can; must end well."""
    conninfo = make_conninfo(database, user=ANALYTICS_LOGIN, password=CANARY)
    settings = {"PRELUDE_DATABASE_URL": conninfo, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PRELUDE_KEEPER": "off"}
    command = [sys.executable, "-m", "prelude_cli", "analytics", "--port", "0", "--json", "--log-level", "debug"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=output)
    assert process.stdout is not None
    try:
        yield Process(json.loads(process.stdout.readline())["url"], database, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
        with log.open("ab") as output:
            output.write(process.stdout.read())
        process.stdout.close()


@pytest.fixture(scope="module")
def service(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One whose reads go to a real exporter, and so into its own database."""
    folder = tmp_path_factory.mktemp("logs")
    database = postgres.create_database()
    grpc = f"127.0.0.1:{free_ports('grpc')['grpc']}"
    with (
        running_exporter(database, grpc, folder / "exporter.log") as endpoint,
        serving(database, endpoint, folder / "analytics.log") as running,
    ):
        yield running
    postgres.drop_database(database)


def test_reads_of_other_peoples_rows_become_rows_and_reads_of_ones_own_do_not(service: Process) -> None:
    reports = token_for(service.database, "all", name="reports")
    adas, own = token_for(service.database, "all", ADA), token_for(service.database, "self", ADA)
    funnel = {"steps": [{"actions": ["crm.view_customer"]}, {"actions": ["crm.create_deal"]}]}
    with service.client(own) as self_alone, service.client(adas) as ada, service.client(reports) as all_seeing:
        assert self_alone.get("/activities").status_code == 200
        assert ada.get("/recent-activities", params={"user_email": ADA.upper()}).status_code == 200
        assert all_seeing.get("/activities", params={"days": "x"}).status_code == 422
        assert all_seeing.get("/openapi.json").status_code == 200
        assert all_seeing.get("/recent-activities", params={"user_email": BOB, "q": "deal"}).status_code == 200
        assert all_seeing.post("/funnel", json=funnel).status_code == 200
        assert ada.get("/export.ndjson", params={"days": "3"}).status_code == 200
        assert self_alone.get("/trends", params={"user_email": BOB}).status_code == 403
        _listen(service, own, f"?user_email={BOB}", 403)
        _listen(service, adas, "?action_type=crm", 101)
        assert all_seeing.get("/users").status_code == 200
    rows = wait_for_rows(service.database, 7)
    assert [_told(row) for row in rows] == [
        ("view_activities", "token:reports", "success", "all", {"user_email": BOB, "q": "deal"}),
        ("run_funnel", "token:reports", "success", "all", None),
        ("export_activities", ADA, "success", "all", {"days": "3"}),
        ("view_trends", ADA, "error", "self", {"user_email": BOB}),
        ("watch_live", ADA, "error", "self", {"user_email": BOB}),
        ("watch_live", ADA, "success", "all", {"action_type": "crm"}),
        ("view_users", "token:reports", "success", "all", None),
    ]
    assert {row["service_name"] for row in rows} == {"prelude-analytics"}
    assert {row["action_data"]["token_id"] for row in rows} == {reports.id, adas.id, own.id}
    assert {row["ip_address"] and str(row["ip_address"]) for row in rows} == {"127.0.0.1"}
    assert rows[1]["action_data"]["what"]["steps"] == [["crm.view_customer"], ["crm.create_deal"]]
    assert rows[0]["user_agent"] == "test"


def test_answers_neither_wait_nor_fail_while_the_collector_is_away(database: str, tmp_path: Path) -> None:
    token = token_for(database, "all")
    with serving(database, f"http://{NOBODY}", tmp_path / "log") as service, service.client(token) as client:
        for _ in range(30):
            assert client.get("/recent-activities").status_code == 200


def test_no_output_holds_a_token_a_cookie_or_a_password(service: Process, postgres: TestServer) -> None:
    token, other = token_for(service.database, "all"), token_for(service.database, "all")
    with service.client(token) as client:
        signed_in = client.post("/session", json={"token": other.token})
        (cookie,) = signed_in.cookies.values()
        client.post("/session", json={"tokn": other.token})
        client.get("/session", headers={"authorization": f"Basic {other.token}"})
        client.get("/session", headers={"authorization": "", "cookie": f"prelude_session={cookie}"})
        for path in (
            f"/activities?token={other.token}",
            f"/activities?q={other.token}",
            f"/sessions/{other.token}",
            f"/{other.token}",
        ):
            assert client.get(path).status_code == 400
        client.get("/recent-activities", params={"q": other.token[10:]})
        postgres.end_connections(service.database)
        client.get("/activities")
        _listen(service, other, f"?token={other.token}", 400)
        _listen(service, other, "", 101)
    said = service.log.read_text()
    for secret in (token.token[-43:], other.token[-43:], cookie[-43:], CANARY):
        assert secret not in said


def test_tokens_are_made_listed_and_taken_back(service: Process) -> None:
    command = [sys.executable, "-m", "prelude_cli", "token", "create", "--role", "self", "--user", "Cy@Company.com"]
    environment = os.environ | {"PRELUDE_DATABASE_URL": service.database}
    done = subprocess.run([*command, "--days", "2", "--json"], env=environment, capture_output=True, check=True)
    made = json.loads(done.stdout)
    assert made.keys() == {"id", "token", "role", "user", "expires_at"}
    assert (made["role"], made["user"]) == ("self", "cy@company.com")
    shown = _token(service.database, "list", "--json").stdout
    (listed,) = [one for one in json.loads(shown) if one["id"] == made["id"]]
    assert (listed["state"], listed["expires_at"]) == ("valid", made["expires_at"])
    assert made["token"][-43:] not in shown
    revoked = _token(service.database, "revoke", made["id"], "nobodysid1", "--json")
    assert (revoked.exit_code, json.loads(revoked.stdout)) == (1, {"revoked": [made["id"]], "unknown": ["nobodysid1"]})
    assert "nobodysid1" in revoked.stderr
    with psycopg.connect(service.database) as connection:
        (ended,) = (
            connection.execute(
                "SELECT revoked_at IS NOT NULL FROM analytics_tokens WHERE id = %s", [made["id"]]
            ).fetchone()
            or ()
        )
    assert ended


def test_a_token_command_says_what_is_wrong_with_the_database(empty_database: str) -> None:
    away = _token(f"postgresql://u:{CANARY}@{NOBODY}/db", "list")
    assert (away.exit_code, CANARY in away.stderr, NOBODY.partition(":")[0] in away.stderr) == (1, False, True)
    empty = _token(empty_database, "create", "--role", "all")
    assert (empty.exit_code, "prelude store migrate" in empty.stderr) == (1, True)
    nobodys = _token(empty_database, "create", "--role", "nobody")
    assert nobodys.exit_code == 2


def _told(row: dict[str, Any]) -> tuple[Any, ...]:
    assert row["action_type"] == "analytics"
    data = row["action_data"]
    return row["action_name"], row["user_email"], row["result_status"], data["role"], data.get("filters")


def _listen(service: Process, token: Issued, query: str, expected: int) -> None:
    address = f"{service.url.replace('http', 'ws', 1)}/api/analytics/live{query}"
    headers = {"authorization": f"Bearer {token.token}"}
    status = 101
    try:
        with connect_socket(address, additional_headers=headers, proxy=None) as socket:
            socket.recv(10)
    except InvalidStatus as refused:
        status = refused.response.status_code
    assert status == expected


def _token(database: str, *words: str) -> Result:
    return CliRunner().invoke(cli, ["token", *words], env={"PRELUDE_DATABASE_URL": database}, catch_exceptions=False)
