"""Each block of Python on each page runs as it stands, in an interpreter of its own, with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.unit.docs.blocks import Block, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.docs.conftest import Exporter

EXAMPLES = blocks("python")
Outcomes = dict[Block, "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def outcomes(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("examples")
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PRELUDE_", "COV_"))}
    environment = keep | {"OTEL_EXPORTER_OTLP_ENDPOINT": exporter.http}

    def run(number_and_block: tuple[int, Block]) -> subprocess.CompletedProcess[str]:
        number, block = number_and_block
        return _run(block, folder / str(number), environment)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(EXAMPLES, pool.map(run, enumerate(EXAMPLES)), strict=True))


def _run(block: Block, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    script = folder / "test_example.py"
    script.write_text(block.text, encoding="utf-8")
    # An example of a test is run as a test.
    pytest_arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", f"--rootdir={folder}"]
    how = pytest_arguments if "\ndef test_" in block.text else []
    return subprocess.run(
        [sys.executable, "-W", "error", *how, script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_runs_as_it_stands(block: Block, outcomes: Outcomes) -> None:
    outcome = outcomes[block]
    assert outcome.returncode == 0, f"{block}\n{outcome.stdout}{outcome.stderr}"


@pytest.mark.usefixtures("outcomes")
def test_a_log_record_of_bare_opentelemetry_becomes_a_row_with_the_length_of_its_span(exporter: Exporter) -> None:
    [row] = exporter.rows("service_name = 'billing' AND action_name = 'send_email'")
    assert (row["user_email"], row["session_id"], row["entity_type"]) == ("user@company.com", "session-abc", "email")
    assert row["action_data"] == {
        "to_email": "customer@company.com",
        "subject": "Follow-up on our discussion",
        "customer_id": 123,
        "method": "smtp",
    }
    assert row["duration_ms"] is not None


@pytest.mark.usefixtures("outcomes")
def test_a_span_event_of_bare_opentelemetry_becomes_a_row(exporter: Exporter) -> None:
    [row] = exporter.rows("service_name = 'billing' AND action_name = 'view_deal'")
    assert (row["user_email"], row["entity_type"], row["entity_id"]) == ("user@company.com", "deal", "456")
    assert row["action_data"] == {"customer_id": 123}
    assert row["duration_ms"] is not None
