"""Secrets appear in no output of any command, whatever is wrong, and in no list of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

import prelude_otel
from prelude_cli.main import cli
from prelude_exporter.access.tokens import line_for, new_token
from prelude_otel.errors import PreludeError
from prelude_otel.settings import read_settings

CANARY = "canary-bird"
NOBODY = "127.0.0.1:1"
URLS = [
    f"postgresql://u:{CANARY}@{NOBODY}/db",
    f"postgresql://u:{CANARY}@127.0.0.1:port/db",
    f"postgresql://u:{CANARY}@[/db",
    f"postgresql://u:p/{CANARY}@{NOBODY}/db",
    f"postgresql://u:p@{CANARY}@{NOBODY}/db",
    f"postgresql://u:p?{CANARY}@{NOBODY}/db",
    f"postgresql://u:p%{CANARY}@{NOBODY}/db",
    f"postgresql://{NOBODY}/db?password={CANARY}",
    f"postgresql://u:{CANARY}@{NOBODY}/db?bogus=1",
    f"host=127.0.0.1 port=1 password='{CANARY}'",
    f"host=127.0.0.1 port=1 password={CANARY} bogus=1",
    f"mysql://u:{CANARY}@{NOBODY}/db",
    CANARY,
]
COMMANDS = [
    "exporter --http 127.0.0.1:0 --grpc 127.0.0.1:0",
    "exporter --log-format json --log-level debug --http 127.0.0.1:0 --grpc 127.0.0.1:0",
    "store migrate",
    "store status --json",
    "store tail",
    "store quarantine list",
    "store quarantine replay 1",
    "store quarantine purge 1",
    "token create --role all",
    "token list --json",
    "token revoke aaaaaaaaaa",
    "doctor",
    "doctor --json",
]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("PRELUDE_", "ANALYTICS_", "OTEL_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # So that doctor asks nobody who happens to listen on this machine.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{NOBODY}")


def output_of(*words: str) -> str:
    """All that a command says; it fails in a way that it has words for."""
    ran = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert ran.exit_code in (0, 1, 2)
    return ran.output


@pytest.mark.parametrize("url", URLS)
def test_no_command_repeats_the_password_of_the_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in COMMANDS:
        assert CANARY not in output_of(*command.split(), "--database-url", url), command
    monkeypatch.setenv("PRELUDE_DATABASE_URL", url)
    for command in COMMANDS[::3]:
        assert CANARY not in output_of(*command.split()), command


def test_no_command_repeats_the_password_of_the_references_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "1", "USER": "u", "PASSWORD": CANARY}.items():
        monkeypatch.setenv(f"ANALYTICS_DB_{name}", value)
    monkeypatch.setenv("PGPASSWORD", CANARY)
    for command in COMMANDS:
        assert CANARY not in output_of(*command.split()), command


def test_no_help_shows_what_the_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PRELUDE_DATABASE_URL",
        "PRELUDE_EXPORTER_TOKENS",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "PRELUDE_SESSION_KEY",
    ):
        monkeypatch.setenv(name, CANARY)
    for command in (
        "",
        "up",
        "doctor",
        "exporter",
        "exporter token",
        "collector",
        "store",
        "store migrate",
        "store quarantine list",
    ):
        assert CANARY not in output_of(*command.split(), "--help"), command


@pytest.mark.parametrize(
    "line", [f"billing * {CANARY}", f"billing * sha256:{CANARY}", f"{CANARY}", f"billing {CANARY},, sha256:" + "0" * 64]
)
def test_a_wrong_tokens_file_is_named_without_what_stands_in_it(tmp_path: Path, line: str) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(line.replace(f"{CANARY},,", "a,,"))
    tokens.chmod(0o600)
    said = output_of("exporter", "--database-url", f"postgresql://{NOBODY}/db", "--tokens", str(tokens))
    assert CANARY not in said


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization:Bearer {CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"a=b,{CANARY}"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=\u00e4{CANARY}"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://u:{CANARY}@127.0.0.1:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://u:{CANARY}@["},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"u:{CANARY}@127.0.0.1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://u:{CANARY}@127.0.0.1:4318/v1/logs"},
        {"PRELUDE_SESSION_KEY": CANARY},
    ],
)
def test_the_settings_of_a_service_show_no_secret(variables: dict[str, str]) -> None:
    try:
        said = repr(read_settings(environ=variables))
    except PreludeError as error:
        said = str(error)
    assert CANARY not in said
    said = output_of_doctor(variables)
    assert CANARY not in said


def output_of_doctor(variables: dict[str, str]) -> str:
    ran = CliRunner().invoke(cli, ["doctor", "--json"], env=variables)
    return ran.output + repr(ran.exception)


def test_the_list_of_processes_shows_no_password_and_the_log_none_either(database: str, tmp_path: Path) -> None:
    url = make_conninfo(database, password=CANARY)
    tokens, token = tmp_path / "tokens", new_token()
    tokens.write_text(line_for("billing", ("billing",), token))
    tokens.chmod(0o600)
    addresses = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
    flags = ["--tokens", str(tokens), "--log-level", "debug"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prelude_cli", "exporter", "--database-url", url, *addresses, *flags],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            assert b"listens on" in process.stdout.readline()
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            with psycopg.connect(database) as connection:
                sessions = connection.execute("SELECT application_name, query FROM pg_stat_activity").fetchall()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()
    said = (tmp_path / "log").read_text()
    assert b"--database-url" in shown
    assert CANARY.encode() not in shown
    assert CANARY not in str(sessions)
    assert CANARY not in said
    assert "put the URL into PRELUDE_DATABASE_URL" in said


def test_nothing_of_ours_holds_a_token_where_it_is_shown() -> None:
    token = new_token()
    assert token not in line_for("billing", ("*",), token)
    assert token[8:] not in line_for("billing", ("*",), token)
    assert "token" not in prelude_otel.__all__
