"""`prelude up` without the Collector: what it shows, and that nothing is left of it however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.up import PRELUDE, left_of, quiet_flags, running_up, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW = re.compile(r"\d\d:\d\d:\d\d\.\d{3}  \S+ +crm\.\w+ +\w+( \S+)? +(success|error|pending|timeout) +(\d+ ms|-)")


@pytest.fixture
def data() -> Iterator[Path]:
    # Not tmp_path: run by root, PostgreSQL's account must reach the folder, and each session of pytest closes pytest's own to others.
    with tempfile.TemporaryDirectory(prefix="prelude-up-") as folder:
        yield Path(folder) / "data"


def prelude(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PRELUDE, *arguments], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def test_the_demo_shows_rows_as_plain_lines_and_stops_after_as_many_as_wanted(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector", "--rows", "5") as up:
        assert up.end() == 0
    assert len(up.rows) == 5
    assert [row for row in up.rows if not ROW.fullmatch(row)] == []
    assert "\x1b" not in "".join(up.out)
    assert up.err == []
    assert left_of(data) == []
    assert not (data / "running.json").exists()


def test_a_past_that_was_broken_off_is_gone_on_with_and_made_once(data: Path) -> None:
    past, note = ("--demo", "--no-collector", "--past", "20000"), data / "past.json"
    with running_up(data, *past, "--rows", "1") as up:
        assert up.end() == 0
    begun = json.loads(note.read_text())
    with running_up(data, *past) as up:
        up.wait_for_rows(1)
        assert "20,000 made-up rows" in "\n".join(up.out)
        wait_until(lambda: json.loads(note.read_text())["written"], within=90)
        (reader,) = re.findall(r'psql "(\S+)"', "\n".join(up.out))
        with psycopg.connect(reader, user="prelude_query") as connection:
            asked = "SELECT count(*) FROM user_activity_logs WHERE \"timestamp\" < now() - interval '14 minutes'"
            assert connection.execute(asked).fetchone() == (20_000,)
    assert json.loads(note.read_text()) == begun | {"written": True}
    with running_up(data, *past, "--rows", "1") as up:
        assert up.end() == 0
        assert "made-up rows" not in "\n".join(up.out)


def test_the_head_says_where_services_send_and_the_doctor_finds_all_well_beside_it(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(1)
        head = "\n".join(up.out)
        endpoint = re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)", head)
        assert endpoint
        assert f"exporter      {endpoint[1]}" in head
        assert "Ctrl-C" in head
        said = prelude("doctor", "--data", data, "--json", cwd=data.parent)
        checks = json.loads(said.stdout)["checks"]
        assert [each for each in checks if each["ok"] is False] == []
        assert said.returncode == 0
        assert {each["room"] for each in checks} == {"emit", "exporter", "store", "analytics"}
        assert any(each["name"] == "probe landed" and each["ok"] for each in checks)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_order_with_exit_code_0(data: Path, number: signal.Signals) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(2)
        up.process.send_signal(number)
        assert up.end() == 0
    # What was shown is sealed, and a checkpoint of it is outside the database.
    assert (data / "seal.key").stat().st_mode & 0o777 == 0o600
    sizes = [json.loads(line)["size"] for line in (data / "checkpoints.jsonl").read_text().splitlines()]
    assert sizes
    assert sizes == sorted(sizes)
    assert up.err == ["", "stopping …"]
    assert left_of(data) == []
    # Had PostgreSQL gone first, the exporter would have complained.
    assert [
        line
        for line in (data / "logs" / "exporter.log").read_text().splitlines()
        if "listens on" not in line and " INFO " not in line
    ] == []


def test_a_second_signal_waits_for_nobody_but_postgresql(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(1)
        # A part that does not end when it is asked to.
        os.kill(up.part("prelude_demo_crm.visitor"), signal.SIGSTOP)
        up.process.send_signal(signal.SIGINT)
        wait_until(lambda: "stopping …" in up.err)
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 0
    assert left_of(data) == []
    assert "database system is shut down" in (data / "postgres" / "postgres.log").read_text().splitlines()[-1]


def test_a_signal_while_it_starts_stops_what_has_started(data: Path) -> None:
    with running_up(data, "--no-collector") as up:
        wait_until(lambda: bool(left_of(data / "postgres")))
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 0
    assert left_of(data) == []


def test_the_death_of_a_part_is_named_with_its_last_words_and_ends_the_rest(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(1)
        os.kill(up.part("exporter"), signal.SIGKILL)
        assert up.end() == 1
    said = "\n".join(up.err)
    assert said.startswith("prelude: the exporter ended by itself (by SIGKILL). The end of ")
    assert "listens on" in said
    assert left_of(data) == []


def test_no_part_outlives_a_killed_up(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(1)
        up.process.kill()
        wait_until(lambda: left_of(data) == [])
    assert up.end() == -signal.SIGKILL


def test_a_reader_that_goes_away_is_a_way_to_stop(data: Path) -> None:
    command = [*PRELUDE, "up", "--demo", "--no-collector", "--data", str(data), *quiet_flags()]
    with subprocess.Popen(command, cwd=data.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert up.stdout
        assert up.stderr
        up.stdout.readline()
        up.stdout.close()
        assert (up.stderr.read(), up.wait(60)) == ("", 0)
    assert left_of(data) == []


def test_a_taken_port_is_named_before_anything_starts(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = prelude(
            "up", "--no-collector", "--data", data, *quiet_flags(), "--exporter-http-port", str(port), cwd=data.parent
        )
    assert said.returncode == 1
    assert said.stdout == ""
    assert f"port {port} (exporter, OTLP/HTTP and health) can't be used" in said.stderr
    assert "--exporter-http-port PORT" in said.stderr
    assert not (data / "postgres").exists()


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(data: Path) -> None:
    with running_up(data, "--demo", "--no-collector") as up:
        up.wait_for_rows(1)
        said = prelude("up", "--no-collector", "--data", data, *quiet_flags(), cwd=data.parent)
        assert said.returncode == 1
        assert (
            said.stderr
            == f"prelude: {data} is in use by another `prelude up`. Stop that one, or choose another folder: prelude up --data DIR\n"
        )
        up.wait_for_rows(len(up.rows) + 1)


def test_rows_go_to_the_database_of_the_url_whose_schema_is_made(data: Path, empty_database: str) -> None:
    with running_up(data, "--demo", "--no-collector", "--rows", "3", "--database-url", empty_database) as up:
        assert up.end() == 0
    said = prelude("store", "status", "--json", "--database-url", empty_database, cwd=data.parent)
    assert json.loads(said.stdout)["rows"] >= 3
    assert not (data / "postgres").exists()


def test_the_demo_keeps_out_of_a_database_that_only_the_environment_names(data: Path, empty_database: str) -> None:
    environment = os.environ | {"PRELUDE_DATABASE_URL": empty_database}
    with running_up(data, "--demo", "--no-collector", "--rows", "1", environment=environment) as up:
        assert up.end() == 0
    assert up.err[0].startswith("PRELUDE_DATABASE_URL is set, but the demo keeps to a database of its own.")
    assert prelude("store", "status", "--database-url", empty_database, cwd=data.parent).returncode == 1


def test_a_database_that_does_not_answer_is_said_in_its_own_words(data: Path) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    said = prelude("up", "--no-collector", "--data", data, *quiet_flags(), "--database-url", url, cwd=data.parent)
    assert said.returncode == 1
    assert "the migration ended by itself (exit code 1)" in said.stderr
    assert "127.0.0.1:1" in said.stderr
    assert "secret" not in said.stdout + said.stderr
