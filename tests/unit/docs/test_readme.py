"""The README's service gives the row that the README shows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.docs.blocks import blocks
from tests.unit.docs.curl import read_curl, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.docs.conftest import Exporter

ANEW_EACH_TIME = {"event_id", "timestamp", "duration_ms", "trace_id", "span_id"}
BOOK_KEEPING = {"id", "completes_event_id", "personal_paths", "content_hash", "lane", "lane_seq", "created_at"}


@pytest.fixture
def service(exporter: Exporter, tmp_path: Path) -> Iterator[str]:
    """The README's service under uvicorn; gives its URL."""
    (tmp_path / "service.py").write_text(blocks("python", page="README.md")[0].text, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "service:app",
            "--fd",
            str(listening.fileno()),
            "--log-level",
            "warning",
        ]
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": exporter.http},
            pass_fds=[listening.fileno()],
        ) as process:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(timeout=20)


def _shown() -> dict[str, str]:
    lines = blocks("text", page="README.md")[0].text.splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition("|") for line in lines)}


def _as_shown(value: Any) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)


def _wait_for_the_row(exporter: Exporter) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = exporter.rows("service_name = 'crm-service'")
        if rows:
            return rows[0]
        time.sleep(0.05)
    raise AssertionError("no row came")


def test_the_service_of_the_readme_gives_the_row_that_it_shows(service: str, exporter: Exporter) -> None:
    [request] = (read_curl(block.text) for block in blocks("sh", page="README.md") if block.text.startswith("curl"))
    assert json.loads(send(request, service)) == {"id": 789}
    row, shown = _wait_for_the_row(exporter), _shown()
    assert shown.keys() == row.keys() - BOOK_KEEPING
    shown["action_data"] = _as_shown(json.loads(shown["action_data"]))
    for name in shown.keys() - ANEW_EACH_TIME:
        assert _as_shown(row[name]) == shown[name], name
    assert all(row[name] is not None for name in ANEW_EACH_TIME)
