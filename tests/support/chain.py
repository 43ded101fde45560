"""The rooms as processes, as an operator runs them, for tests of the whole chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from prelude_cli.http import status_of
from tests.support.ports import free_ports

__all__ = ["running_crm", "running_exporter", "wait_for_rows"]

_READY_WITHIN_S: Final = 30.0
_LANDS_WITHIN_S: Final = 30.0


@contextmanager
def running_exporter(
    database_url: str, grpc: str, log: Path, *flags: str, ready: Callable[[str], bool] | None = None
) -> Iterator[str]:
    """An exporter that listens at `grpc`; gives its HTTP address. Ended by SIGTERM, which must drain it to exit code 0.

    Args:
        flags: further options.
        ready: whether it is, asked with ``host:port``; needed where it speaks TLS.
    """
    http = f"127.0.0.1:{free_ports('http')['http']}"
    command = [sys.executable, "-m", "prelude_cli", "exporter", "--grpc", grpc, "--http", http, *flags]
    environment = os.environ | {"PRELUDE_DATABASE_URL": database_url}
    with _process(command, environment, log) as process:
        if ready is None:
            _wait(process, f"http://{http}/readyz", log)
        else:
            _wait(process, http, log, ready)
        yield f"http://{http}"
    assert process.returncode == 0, log.read_text("utf-8")


@contextmanager
def running_crm(endpoint: str, log: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The demo CRM, which sends to `endpoint`; gives its URL."""
    port = free_ports("crm")["crm"]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "prelude_demo_crm.app:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "CRM_AGENT_SECONDS": "0",
        "CRM_MAIL_TIMEOUT": "0.1",
        "CRM_DATABASE": "",
    }
    with _process(command, os.environ | settings | dict(environment), log) as process:
        _wait(process, f"http://127.0.0.1:{port}/openapi.json", log)
        yield f"http://127.0.0.1:{port}"


def wait_for_rows(
    database_url: str, count: int, *, until: Callable[[list[dict[str, Any]]], bool] = lambda _: True
) -> list[dict[str, Any]]:
    """The rows of the log in the order of their time, as soon as there are `count` of them and `until` holds."""
    deadline = time.monotonic() + _LANDS_WITHIN_S
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        while True:
            rows = connection.execute('SELECT * FROM user_activity_logs ORDER BY "timestamp", event_id').fetchall()
            if len(rows) >= count and until(rows):
                return rows
            if time.monotonic() > deadline:
                said = json.dumps(rows, default=str, indent=1)
                quarantined = connection.execute("SELECT reason, detail FROM activity_quarantine").fetchall()
                raise AssertionError(f"expected {count} rows; got {len(rows)}: {said}; quarantine: {quarantined}")
            time.sleep(0.02)


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    return status_of(url) == 200


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, ready: Callable[[str], bool] = _answers) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not ready(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{process.args!r} is not up; it says:\n{log.read_text('utf-8', 'replace')[-4000:]}")
        time.sleep(0.02)
