"""Promise 3: yes means committed, and every no is one that the Collector keeps the batch for."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate
from tests.integration.exporter.conftest import Exporter, activity, eventually, logs
from tests.support.postgres import TestServer, as_role

Query = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Exporter]


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own, to stop and start."""
    # Not tmp_path: pytest closes that to the account that the server runs as when tests run as root.
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as folder, EmbeddedPostgres(folder) as server:
        migrate(server.url)
        yield server


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM user_activity_logs").fetchone()
        return int(row[0]) if row else -1


def refused(exporter: Exporter, body: bytes) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        exporter.call(body)
    return caught.value


def assert_come_again(error: Any) -> None:
    """UNAVAILABLE with RetryInfo."""
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    trailers = dict(error.trailing_metadata())
    (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
    info = RetryInfo()
    assert detail.Unpack(info)
    assert info.retry_delay.seconds == 1


def ready(exporter: Exporter) -> bool:
    return bool(exporter.get("/readyz").status == 200)


def test_a_database_that_is_away_means_come_again_and_its_return_is_noticed(
    start: Start, server: EmbeddedPostgres
) -> None:
    exporter = start(server.url)
    exporter.call(logs(activity(1)))
    server.stop()
    answer = exporter.post(logs(activity(2)))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert Status.FromString(answer.body).code == 14
    assert_come_again(refused(exporter, logs(activity(2))))
    assert not ready(exporter)
    assert "the last write failed" in json.loads(exporter.get("/readyz").body)["why_not"]
    server.start()
    eventually(lambda: ready(exporter))
    exporter.call(logs(activity(2)))
    assert count(server.url) == 2
    assert exporter.process.poll() is None


def test_a_database_that_hangs_is_answered_before_the_collector_gives_up(
    start: Start, server: EmbeddedPostgres
) -> None:
    exporter = start(server.url, "--wait", "1.5")
    exporter.call(logs(activity(1)))
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE ingest_lanes IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        error: Any = refused(exporter, logs(activity(2)))
        took = time.monotonic() - begun
        connection.rollback()
    assert_come_again(error)
    assert took < 4.5
    eventually(lambda: exporter.post(logs(activity(2))).status == 200)
    assert count(server.url) == 2


def test_a_login_without_rights_means_come_again_not_thrown_away(start: Start, postgres: TestServer) -> None:
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        exporter = start(as_role(url, "writer"))
        connection.execute("REVOKE INSERT ON user_activity_logs FROM prelude_writer")
        assert exporter.post(logs(activity())).status == 503
        assert not ready(exporter)
        connection.execute("GRANT INSERT ON user_activity_logs TO prelude_writer")
        eventually(lambda: ready(exporter))
        assert exporter.post(logs(activity())).status == 200
    exporter.stop()
    postgres.drop_database(url)


def test_too_much_waiting_is_refused_at_once_and_memory_stays_bounded(start: Start, server: EmbeddedPostgres) -> None:
    exporter = start(server.url, "--waiting-mib", "1", "--wait", "3")
    big = logs(*(activity(number, prelude__page__url="/" + "x" * 900) for number in range(1, 601)))
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE ingest_lanes IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: exporter.post(big))
        waiting.start()
        eventually(lambda: _waiting_bytes(exporter) > 500_000)
        assert "wait for their commit already" in _status(exporter.post(big)).message
        assert_come_again(refused(exporter, big))
        connection.rollback()
    waiting.join()
    eventually(lambda: _waiting_bytes(exporter) == 0)
    eventually(lambda: exporter.post(big).status == 200)
    assert count(server.url) == 600


def test_sigterm_commits_what_is_in_flight_and_ends_with_zero(start: Start, server: EmbeddedPostgres) -> None:
    exporter = start(server.url)
    answers: list[int] = []
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE ingest_lanes IN ACCESS EXCLUSIVE MODE")
        sender = threading.Thread(target=lambda: answers.append(exporter.post(logs(activity())).status))
        sender.start()
        eventually(lambda: _waiting_bytes(exporter) > 0)
        exporter.process.send_signal(signal.SIGTERM)
        connection.rollback()
    sender.join()
    code, said = exporter.stop()
    assert (code, [line for line in said.splitlines() if " INFO " not in line]) == (0, [])
    assert answers == [200]
    assert count(server.url) == 1


def test_sigterm_refuses_what_can_not_be_committed_and_ends_with_zero(start: Start, server: EmbeddedPostgres) -> None:
    exporter = start(server.url, "--wait", "1")
    answers: list[int] = []
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE ingest_lanes IN ACCESS EXCLUSIVE MODE")
        sender = threading.Thread(target=lambda: answers.append(exporter.post(logs(activity())).status))
        sender.start()
        eventually(lambda: _waiting_bytes(exporter) > 0)
        code, _ = exporter.stop()
        connection.rollback()
    sender.join()
    assert (code, answers) == (0, [503])


def test_a_killed_exporter_loses_nothing_that_it_said_yes_to(start: Start, server: EmbeddedPostgres) -> None:
    exporter = start(server.url)
    said_yes = 0
    for number in range(1, 30):
        said_yes += exporter.post(logs(activity(number))).status == 200
    os.kill(exporter.process.pid, signal.SIGKILL)
    exporter.process.communicate()
    assert count(server.url) == said_yes == 29


def _waiting_bytes(exporter: Exporter) -> float:
    for line in exporter.get("/metrics").body.decode().splitlines():
        if line.startswith("prelude_exporter_waiting_bytes "):
            return float(line.split()[1])
    raise AssertionError("no such metric")


def _status(answer: Any) -> Status:
    assert answer.status == 503
    return Status.FromString(answer.body)


def test_catalogue_files_of_services_are_applied(start: Start, database: str, query: Query, tmp_path: Path) -> None:
    catalogue = tmp_path / "chat.toml"
    catalogue.write_text('[chat.send_message]\nfields.length = { type = "integer" }\n')
    exporter = start(database, "--catalogue", str(catalogue))
    record = activity(
        prelude__action__type="chat", prelude__action__name="send_message", prelude__action__data={"length": "12"}
    )
    exporter.call(logs(record))
    assert query("SELECT action_data FROM user_activity_logs") == [({"length": 12},)]
