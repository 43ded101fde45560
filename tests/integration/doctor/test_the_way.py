"""What is wrong between the service and the row: Collector, exporter, database."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import prelude_exporter.checks
from prelude_cli.collector.checks import checks as collector_checks
from prelude_exporter.access.tokens import line_for, new_token
from prelude_exporter.checks import checks as exporter_checks
from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate
from tests.integration.doctor.conftest import Chain, fill, running
from tests.integration.exporter.conftest import activity, eventually, logs
from tests.support.collector import BUILD_TIMEOUT, RunningCollector, running_collector
from tests.support.postgres import PASSWORD, PASSWORD_LOGIN, SERVER_URL, TestServer, as_role, embedded_server

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT)
Straight = Callable[..., Chain]
LANDED = "store: probe landed"


def send(endpoint: str, body: bytes) -> None:
    with urlopen(Request(f"{endpoint}/v1/logs", body, {"content-type": "application/x-protobuf"}), timeout=10):
        pass


def some(count: int) -> bytes:
    return logs(*(activity(number) for number in range(1, count + 1)))


@contextlib.contextmanager
def server_of_its_own(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = embedded_server(folder)
    server.start()
    try:
        migrate(server.url)
        yield server
    finally:
        server.stop()


def test_a_collector_that_is_down(well: Chain) -> None:
    found = well.diagnose(
        endpoint="http://127.0.0.1:9",
        collector_health="http://127.0.0.1:9",
        collector_metrics="http://127.0.0.1:9/metrics",
    )
    assert found.causes == ["collector: health"]
    assert "start it: prelude up" in found.said("collector: health")
    assert found.follows("emit: endpoint") == ["collector: health"]


def test_an_exporter_that_is_down_and_what_waits_for_it(collector_program: Path, tmp_path: Path, database: str) -> None:
    with running_collector(collector_program, tmp_path) as collector:
        send(collector.http, some(150))
        found = Chain(collector, "http://127.0.0.1:9", database).diagnose()
        assert found.causes == ["exporter: answers"]
        assert "nobody answers at http://127.0.0.1:9" in found.said("exporter: answers")
        assert found.follows("collector: queue") == ["exporter: answers"]
        assert "151 records wait on its disk" in found.said("collector: queue")
        assert found.follows(LANDED) == ["collector: queue", "exporter: answers"]
        with running(database, "--grpc", collector.exporter) as exporter:
            chain = Chain(collector, exporter.http, database)
            eventually(lambda: chain.diagnose().exit_code == 0)


def test_a_port_where_something_else_than_the_exporter_answers(well: Chain, collector: RunningCollector) -> None:
    found = well.diagnose(exporter_http=collector.http)
    assert found.causes == ["exporter: answers"]
    assert "something else than the exporter" in found.said("exporter: answers")


def test_an_exporter_that_is_stuck(database: str) -> None:
    with running(database) as exporter:
        exporter.process.send_signal(signal.SIGSTOP)
        try:
            answers, *rest = exporter_checks({"exporter_http": exporter.http})
        finally:
            exporter.process.send_signal(signal.SIGCONT)
    assert rest == []
    assert (answers[0], answers[1]) == ("answers", False)
    assert "takes connections" in answers[2]
    assert "stuck" in answers[3]


def test_a_collector_whose_disk_is_full(
    collector_program: Path, tmp_path: Path, small_disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk(3)
    monkeypatch.setenv("PRELUDE_COLLECTOR_STORAGE", str(disk / "queue"))
    storage = {"PRELUDE_COLLECTOR_STORAGE": str(disk / "queue")}
    with running_collector(collector_program, tmp_path, environment=storage) as collector:
        send(collector.http, some(1))
        fill(disk)
        # Until the pages that the queue's file has already are full, too.
        with contextlib.suppress(OSError):
            for _ in range(200):
                send(collector.http, some(100))
        found = Chain(collector, "http://127.0.0.1:9", "").diagnose()
        assert found.causes == ["collector: disk", "exporter: answers"]
        assert "0.0 MiB left" in found.said("collector: disk")
        # What it sends on leaves pages free again, so now and then it takes a probe.
        if "emit: endpoint" in found.wrong:
            assert found.follows("emit: endpoint") == ["collector: disk"]
            assert "the disk of the Collector's queue is full" in found.said("emit: endpoint")
            assert "no space left on device" in found.said("emit: endpoint")


def test_a_collector_that_throws_data_away_and_one_that_is_too_old(collector_program: Path, tmp_path: Path) -> None:
    class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, handler_call_details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "never")
            )

    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((Refusing(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with running_collector(collector_program, tmp_path, exporter=f"127.0.0.1:{port}") as collector:
        send(collector.http, some(7))
        context = {"collector_health": collector.health, "collector_metrics": collector.metrics, "endpoint": ""}
        losses = eventually(lambda: [each for each in collector_checks(context) if each[0] == "losses" and not each[1]])
        assert "7 records and spans were refused for good" in losses[0][2]
        assert "Dropping data" in losses[0][3]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("prelude_cli.collector.checks._OLDEST", (0, 999))
            version = next(each for each in collector_checks(context) if each[0] == "version")
        assert version[1] is False
        assert "take a newer one" in version[3]
    server.stop(None)


def test_a_database_that_is_down(collector: RunningCollector, straight: Straight) -> None:
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as folder:
        with server_of_its_own(Path(folder)) as server:
            chain = straight(server.url)
            assert chain.diagnose().exit_code == 0
        # The probe of this look is the first write that fails: what the exporter says of itself comes with the next.
        chain.diagnose()
        found = chain.diagnose()
    assert found.causes == ["store: database"]
    assert "No server listens on that socket" in found.said("store: database")
    assert found.follows("exporter: ready") == ["store: database"]
    assert found.follows("emit: endpoint") == ["exporter: ready", "store: database"]


def test_a_database_whose_disk_is_full(straight: Straight, small_disk: Any) -> None:
    disk = small_disk(160)
    with server_of_its_own(disk / "postgres") as server:
        chain = straight(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE ballast (text text)")
            connection.execute("CHECKPOINT")
            fill(disk)
            # Until the pages that there are already are full, too.
            with contextlib.suppress(psycopg.Error):
                while True:
                    connection.execute("INSERT INTO ballast SELECT repeat('x', 5000) FROM generate_series(1, 100)")
        found = _until_the_exporter_has_noticed(chain)
        assert found.causes == ["store: disk"]
        assert "MiB left" in found.said("store: disk")
        assert found.follows("exporter: ready") == ["store: disk"]
        assert "The disk of the database is full" in found.said("exporter: ready")
        (disk / "filler").unlink()


def _until_the_exporter_has_noticed(chain: Chain) -> Any:
    for _ in range(20):
        found = chain.diagnose()
        if "exporter: ready" in found.wrong:
            return found
        with contextlib.suppress(OSError):
            send(chain.options["endpoint"], some(200))
    raise AssertionError(found.text)


@pytest.mark.skipif(SERVER_URL in os.environ, reason="another server may ask nobody for a password")
def test_a_password_that_is_wrong(database: str, straight: Straight) -> None:
    url = make_conninfo(database, user=PASSWORD_LOGIN, password=PASSWORD)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'GRANT prelude_writer TO "{PASSWORD_LOGIN}"')
        try:
            chain = straight(url)
            connection.execute(f"ALTER ROLE \"{PASSWORD_LOGIN}\" PASSWORD 'another-one-77'")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [PASSWORD_LOGIN]
            )
            chain.diagnose()
            found = chain.diagnose()
            assert found.causes == ["store: database"]
            assert "The password is wrong" in found.said("store: database")
            assert found.follows("exporter: ready") == ["store: database"]
            # Who asks without the database's URL is told by the exporter.
            found = chain.diagnose(database_url="")
            assert found.causes == ["exporter: ready"]
            assert "The password is wrong" in found.said("exporter: ready")
            assert PASSWORD not in found.text
        finally:
            connection.execute(f"ALTER ROLE \"{PASSWORD_LOGIN}\" PASSWORD '{PASSWORD}'")
            connection.execute(f'REVOKE prelude_writer FROM "{PASSWORD_LOGIN}"')


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (
            "DELETE FROM prelude_migrations WHERE version = (SELECT max(version) FROM prelude_migrations)",
            "prelude store migrate",
        ),
        ("INSERT INTO prelude_migrations (version, name) VALUES (9999, 'from_the_future')", "upgrade prelude-otel"),
    ],
    ids=["older", "newer"],
)
def test_a_schema_that_is_older_or_newer(database: str, straight: Straight, change: str, remedy: str) -> None:
    chain = straight(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(change.encode())
        # A connection that is open has been asked already.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    chain.diagnose()
    found = chain.diagnose()
    assert found.causes == ["store: schema"]
    assert remedy in found.said("store: schema")
    assert found.follows("exporter: ready") == ["store: schema"]


def test_rights_that_are_missing(postgres: TestServer, straight: Straight) -> None:
    url = postgres.create_database()
    try:
        chain = straight(as_role(url, "writer"))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("REVOKE INSERT ON user_activity_logs, activity_probes FROM prelude_writer")
        with contextlib.suppress(OSError):
            send(chain.options["endpoint"], some(1))
        found = chain.diagnose()
        assert found.causes == ["store: writer rights"]
        assert "GRANT prelude_writer TO" in found.said("store: writer rights")
        assert found.follows("exporter: ready") == ["store: writer rights"]
        assert "The exporter's login lacks rights" in found.said("exporter: ready")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT INSERT ON user_activity_logs, activity_probes TO prelude_writer")
        postgres.drop_database(url)


def test_a_credential_that_is_missing_or_wrong(database: str, straight: Straight, tmp_path: Path) -> None:
    token, unknown = new_token(), new_token()
    tokens = tmp_path / "tokens"
    tokens.write_text(line_for("service", ("prelude-doctor",), token) + "\n")
    chain = straight(database, f"--tokens={tokens}")
    found = chain.diagnose()
    assert found.causes == ["emit: endpoint"]
    assert found.follows("exporter: refusals") == ["emit: endpoint"]
    assert "does not know us" in found.said("emit: endpoint")
    assert "OTEL_EXPORTER_OTLP_HEADERS" in found.said("emit: endpoint")
    found = chain.diagnose(environment={"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{unknown}"})
    assert "emit: endpoint" in found.causes
    assert "does not know us" in found.said("emit: endpoint")
    assert unknown not in found.text
    found = chain.diagnose(environment={"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}"})
    assert found.checks[LANDED]["ok"] is True
    assert found.causes == ["exporter: refusals"], "it remembers the two from before"
    assert "1 unauthenticated" in found.said("exporter: refusals")
    assert "1 stale_credential" in found.said("exporter: refusals")


def test_records_that_become_no_rows_and_spans_that_do_not_come(database: str, straight: Straight) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO span_joins (trace_id, span_id, event_ids, timestamps, since)"
            " VALUES (repeat('a', 32), repeat('b', 16), ARRAY[gen_random_uuid()], ARRAY[now()], now() - interval '3 hours')"
        )
    chain = straight(database)
    send(chain.options["endpoint"], logs(activity(1, prelude__result__status="perhaps")))
    found = eventually(lambda: (seen := chain.diagnose()).wrong and "exporter: spans" in seen.wrong and seen)
    assert found.causes == ["exporter: spans", "store: quarantine"]
    assert "1 rows wait for their span, the oldest for 3.0 h" in found.said("exporter: spans")
    assert "1 unknown_status" in found.said("store: quarantine")
    assert "prelude store quarantine list" in found.said("store: quarantine")


def test_an_exporter_of_another_version(well: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prelude_exporter.checks, "version", lambda _: "99.0")
    found = well.diagnose()
    assert found.exit_code == 0, "that may be meant"
    assert "and this doctor 99.0" in found.said("exporter: version")
