"""`prelude store`, as people and programs use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING

import psycopg
import pytest
from click.testing import CliRunner

from prelude_otel.errors import ConfigurationError, SchemaError
from prelude_store import migrations
from prelude_store.command import command
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_migrate_says_what_it_applies_and_then_that_there_is_nothing_to_do(empty_database: str) -> None:
    said = run("migrate", "--database-url", empty_database)
    assert [f"applying {migration.name}" for migration in migrations.migrations()] == said.splitlines()[:-1]
    assert run("migrate", "--database-url", empty_database) == "The schema is up to date.\n"


def test_status_gives_figures_for_machines(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row(), waiting_row(), make_row(action_type="gardening")]))
    figures = json.loads(run("status", "--json", "--database-url", database))
    wanted = ("rows", "rows_exact", "rows_waiting_for_span", "quarantined", "lanes", "schema_version", "partitions")
    assert [figures[name] for name in wanted] == [2, True, 1, 1, 1, len(migrations.migrations()), 1]


def test_status_is_readable_and_says_what_may_not_be_seen(database: str) -> None:
    said = run("status", "--database-url", as_role(database, "reader"))
    assert "rows                         0" in said
    assert "in quarantine                may not be seen by this login" in said


def test_status_of_an_unmigrated_database_says_what_to_run(empty_database: str) -> None:
    with pytest.raises(SchemaError, match="prelude store migrate"):
        run("status", "--database-url", empty_database)


def test_without_a_database_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRELUDE_DATABASE_URL", "ANALYTICS_DB_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="--database-url"):
        run("status")


def _wait_for_line(stream: IO[str], start: str) -> str:
    for line in stream:
        if line.startswith(start):
            return line
    raise AssertionError(f"it ended without saying {start!r}")


@pytest.fixture
def tailing(database: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "tail", "--json", "--database-url", as_role(database, "reader")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    _wait_for_line(process.stderr, "Waiting for rows")
    time.sleep(0.3)  # it says so just before it looks where the end is
    with process:
        yield process
        process.kill()


def test_tail_prints_rows_as_they_land_and_ends_quietly(tailing: subprocess.Popen[str], writer: Writer) -> None:
    row = waiting_row()
    assert row.trace_id is not None
    assert row.span_id is not None
    assert tailing.stdout is not None
    writer.write(Batch(rows=[row]))
    landed = json.loads(tailing.stdout.readline())
    assert (landed["kind"], landed["event_id"], landed["duration_ms"]) == ("row", row.event_id, None)
    writer.write(Batch(spans=[SpanLength(row.trace_id, row.span_id, 5_000_000)]))
    amended = json.loads(tailing.stdout.readline())
    assert (amended["kind"], amended["event_id"], amended["duration_ms"]) == ("amendment", row.event_id, 5)
    tailing.send_signal(signal.SIGINT)
    assert tailing.wait(10) == 0


def test_embedded_serves_until_it_is_told_to_end_and_keeps_what_it_has() -> None:
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as folder:
        for rows in (1, 2):
            with subprocess.Popen(
                [*COMMAND, "embedded", "--data", f"{folder}/data"], stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                urls = json.loads(process.stdout.readline())
                writer = Writer(urls["writer_url"])
                writer.write(Batch(rows=[make_row()]))
                writer.close()
                with psycopg.connect(urls["reader_url"]) as connection:
                    assert connection.execute("SELECT count(*) FROM user_activity_logs").fetchone() == (rows,)
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(urls["url"])
