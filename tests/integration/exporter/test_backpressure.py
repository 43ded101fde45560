"""Whatever ails the database: come again, in time, with bounded memory; and well again by itself (issue 4, "Backpressure")."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate
from tests.integration.exporter.conftest import Exporter, activity, eventually, logs
from tests.integration.exporter.test_failures import assert_come_again, count, ready, refused
from tests.support.proxy import Proxy, running_proxy

Start = Callable[..., Exporter]
WAIT = "1"


class Database:
    """A server of the module's own with the test's database in it, reached through a proxy as the writer's login."""

    def __init__(self, server: EmbeddedPostgres, proxy: Proxy, url: str) -> None:
        self.server = server
        self.proxy = proxy
        self.url = url
        self.through_proxy = f"postgresql://prelude_test_writer@127.0.0.1:{proxy.port}/{self.name}?sslmode=disable"

    @property
    def name(self) -> str:
        return str(conninfo_to_dict(self.url)["dbname"])

    def superuser(self) -> psycopg.Connection[Any]:
        """Whatever the test has set for others."""
        options = "-c default_transaction_read_only=off -c synchronous_commit=local"
        return psycopg.connect(self.url, autocommit=True, options=options)

    def say(self, statement: str) -> None:
        with self.superuser() as connection:
            connection.execute(statement.encode())

    def writers(self) -> list[int]:
        with self.superuser() as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'prelude-exporter%'"
            )
            return [pid for (pid,) in found]

    def processes(self) -> list[int]:
        """The postmaster and all that it has started."""
        (postmaster, *_) = (self.server.data_dir / "cluster" / "postmaster.pid").read_text().split("\n")
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [int(postmaster), *map(int, children)]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with (
        tempfile.TemporaryDirectory(prefix="prelude-test-") as folder,
        EmbeddedPostgres(folder, settings={"shared_buffers": "32MB", "fsync": "off"}) as server,
    ):
        with psycopg.connect(server.url_for("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE migrated TEMPLATE template0")
            migrate(server.url_for("migrated"))
            connection.execute("CREATE ROLE prelude_test_writer LOGIN IN ROLE prelude_writer")
        yield server


@pytest.fixture
def database(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Database]:
    name = f"test_{abs(hash(request.node.name))}"
    with psycopg.connect(server.url_for("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated".encode())
    socket = Path(str(conninfo_to_dict(server.url)["host"])) / ".s.PGSQL.5432"
    with running_proxy(socket) as proxy:
        yield Database(server, proxy, server.url_for(name))
    with psycopg.connect(server.url_for("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def stopped_processes(database: Database) -> Iterator[None]:
    """As a machine that hangs: connections stay, and nobody answers."""
    processes = database.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def a_network_that_swallows(database: Database) -> Iterator[None]:
    database.proxy.swallow = True
    yield
    database.proxy.calm()


@contextmanager
def nobody_there(database: Database) -> Iterator[None]:
    database.proxy.refuse = True
    database.proxy.cut()
    yield
    database.proxy.calm()


@contextmanager
def only_reading(database: Database) -> Iterator[None]:
    """As a primary that has become a standby (SQLSTATE 25006)."""
    database.say(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    terminate_writers(database)
    yield
    database.say(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")


@contextmanager
def no_connection_left(database: Database) -> Iterator[None]:
    """SQLSTATE 53300, for the writer's login."""
    terminate_writers(database)
    database.say("ALTER ROLE prelude_test_writer CONNECTION LIMIT 0")
    yield
    database.say("ALTER ROLE prelude_test_writer CONNECTION LIMIT -1")


@contextmanager
def a_migration_at_work(database: Database) -> Iterator[None]:
    with psycopg.connect(database.url) as connection:
        connection.execute("LOCK TABLE user_activity_logs IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def a_standby_that_does_not_confirm(database: Database) -> Iterator[None]:
    """The timeout ends the wait for it, and COMMIT then says that all is well, which it is not."""
    with database.superuser() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        connection.execute("SELECT pg_reload_conf()")
    # Reload reaches the writers' sessions in their own time.
    terminate_writers(database)
    try:
        yield
    finally:
        with database.superuser() as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")


def terminate_writers(database: Database) -> None:
    """SQLSTATE 57P01."""
    with database.superuser() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'prelude_test_writer'"
        )


ILLS = [
    nobody_there,
    stopped_processes,
    a_network_that_swallows,
    only_reading,
    no_connection_left,
    a_migration_at_work,
    a_standby_that_does_not_confirm,
]


@pytest.mark.parametrize("ill", ILLS, ids=lambda ill: ill.__name__)
def test_whatever_ails_the_database_the_sender_comes_again_and_all_is_well_after_it(
    start: Start, database: Database, ill: Callable[[Database], Any]
) -> None:
    exporter = start(database.through_proxy, "--wait", WAIT)
    exporter.call(logs(activity(1)))
    with ill(database):
        begun = time.monotonic()
        answer = exporter.post(logs(activity(2)))
        assert time.monotonic() - begun < 5  # the Collector's shortest default
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert_come_again(refused(exporter, logs(activity(2))))
        eventually(lambda: not ready(exporter))  # when the writer has given up, too
    eventually(lambda: ready(exporter))
    eventually(lambda: exporter.post(logs(activity(2))).status == 200)
    assert count(database.url) == 2
    assert exporter.process.poll() is None


@pytest.mark.parametrize("ill", [stopped_processes, a_network_that_swallows], ids=lambda ill: ill.__name__)
def test_sigterm_ends_an_exporter_whose_database_hangs(
    start: Start, database: Database, ill: Callable[[Database], Any]
) -> None:
    exporter = start(database.through_proxy, "--wait", WAIT)
    exporter.call(logs(activity(1)))
    answers: list[int] = []
    with ill(database):
        sender = threading.Thread(target=lambda: answers.append(exporter.post(logs(activity(2))).status))
        sender.start()
        eventually(lambda: waiting_bytes(exporter) > 0)
        exporter.process.send_signal(signal.SIGTERM)
        eventually(lambda: exporter.get("/readyz").status == 503)
        code, _ = exporter.stop(timeout=15)
        sender.join()
    assert (code, answers) == (0, [503])


def waiting_bytes(exporter: Exporter) -> float:
    (line,) = [
        line
        for line in exporter.get("/metrics").body.decode().splitlines()
        if line.startswith("prelude_exporter_waiting_bytes ")
    ]
    return float(line.split()[1])


@pytest.mark.parametrize("where", [b"COPY ", b"COMMIT"])
def test_a_connection_cut_in_the_middle_loses_nothing_and_doubles_nothing(
    start: Start, database: Database, where: bytes
) -> None:
    exporter = start(database.through_proxy, "--wait", WAIT)
    exporter.call(logs(activity(1)))
    cuts: list[bytes] = []

    def once(piece: bytes) -> bool:
        if where in piece and not cuts:
            cuts.append(piece)
            return True
        return False

    database.proxy.watch = once
    request = logs(*map(activity, range(2, 200)))
    assert exporter.post(request).status == 503
    assert len(cuts) == 1
    if where == b"COMMIT":  # carried out, and nobody knows
        eventually(lambda: count(database.url) == 199)
    assert exporter.post(request).status == 200
    assert count(database.url) == 199


def test_what_a_slow_line_can_not_carry_at_once_gets_through_in_pieces(start: Start, database: Database) -> None:
    exporter = start(database.through_proxy, "--wait", WAIT)
    exporter.call(logs(activity(1)))
    request = logs(*map(activity, range(2, 802)))
    database.proxy.bytes_per_second = 100_000
    assert exporter.post(request).status == 503
    eventually(lambda: exporter.post(request).status == 200, within=60)
    assert count(database.url) == 801


def test_a_full_disk_means_come_again(start: Start, database: Database) -> None:
    """A tablespace on a small tmpfs: SQLSTATE 53100."""
    with ExitStack() as stack:
        folder = stack.enter_context(small_disk("2m", database.server.data_dir.stat()))
        exporter = start(database.through_proxy, "--wait", WAIT)  # makes the partitions
        database.say(f"CREATE TABLESPACE small LOCATION '{folder}'")
        stack.callback(database.say, "DROP TABLESPACE small")
        stack.callback(database.say, "DROP TABLE user_activity_logs CASCADE")
        with database.superuser() as connection:
            for (table,) in connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass"
            ).fetchall():
                connection.execute(f"ALTER TABLE {table} SET TABLESPACE small".encode())
        filler = folder / "filler"
        filler.write_bytes(bytes(1_200_000))
        request = logs(*(activity(number, prelude__page__url="/" + "x" * 900) for number in range(1, 1001)))
        answer = exporter.post(request)
        assert answer.status == 503
        assert b"53100" in answer.body
        assert not ready(exporter)
        assert_come_again(refused(exporter, request))
        filler.unlink()
        with database.superuser() as connection:
            connection.execute("VACUUM")
        eventually(lambda: ready(exporter))
        eventually(lambda: exporter.post(logs(*map(activity, range(1, 101)))).status == 200)
        assert count(database.url) == 100
        exporter.stop()


@contextmanager
def small_disk(size: str, owner: os.stat_result) -> Iterator[Path]:
    """A file system of `size` that the server may write to; the test is skipped where this account may not mount one."""
    import subprocess

    with tempfile.TemporaryDirectory(prefix="prelude-disk-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        mounted = subprocess.run(
            [
                "mount",
                "-t",
                "tmpfs",
                "-o",
                f"size={size},mode=0700,uid={owner.st_uid},gid={owner.st_gid}",
                "tmpfs",
                folder,
            ],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("only root can mount a small file system")
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def test_hundreds_of_senders_before_a_database_that_hangs_take_little_memory(start: Start, database: Database) -> None:
    exporter = start(database.through_proxy, "--wait", WAIT, "--waiting-mib", "8")
    body = logs(*(activity(number, prelude__page__url="/" + "x" * 900) for number in range(1, 301)))
    exporter.post(body)
    before = resident_mib(exporter)
    with a_migration_at_work(database):
        statuses: list[int] = []
        senders = [threading.Thread(target=lambda: statuses.append(exporter.post(body).status)) for _ in range(200)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert set(statuses) == {503}
    assert resident_mib(exporter) - before < 200
    eventually(lambda: exporter.post(body).status == 200)


def resident_mib(exporter: Exporter) -> float:
    status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
