"""An analytics process with a key seals, tells how far it is, and sends checkpoints out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from prelude_analytics.command import command
from prelude_analytics.sealing import sealed
from prelude_analytics.settings import Settings
from prelude_otel.errors import ConfigurationError
from prelude_store.seals import keys
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row


def test_it_seals_and_its_metrics_tell_how_far(database: str, tmp_path: Path) -> None:
    keys.generate(tmp_path / "seal.key")
    out = tmp_path / "checkpoints.jsonl"
    settings = Settings(database_url=database, seal_key_file=tmp_path / "seal.key", seal_checkpoint_file=out)
    registry = CollectorRegistry()
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row() for _ in range(7)]))
    writer.close()

    async def run() -> None:
        async with sealed(as_role(database, "sealer"), settings, registry):
            while not registry.get_sample_value("prelude_seal_sent"):  # noqa: ASYNC110 (a thread can set no event of asyncio)
                await asyncio.sleep(0.02)

    asyncio.run(run())
    told = {
        name: registry.get_sample_value(f"prelude_seal_{name}")
        for name in (
            *("leaves", "waiting", "lag_seconds", "unsigned_seconds"),
            *("checkpoints", "undelivered_seconds", "failures"),
        )
    }
    assert told == {
        "leaves": 7,
        "waiting": 0,
        "lag_seconds": 0,
        "unsigned_seconds": 0,
        "checkpoints": 1,
        "undelivered_seconds": 0,
        "failures": 0,
    }
    assert registry.get_sample_value("prelude_seal_sealing") == 0  # no more
    assert [json.loads(line)["size"] for line in out.read_text().splitlines()] == [7]


def test_without_a_key_it_does_nothing(database: str) -> None:
    registry = CollectorRegistry()

    async def run() -> None:
        async with sealed(database, Settings(database_url=database), registry):
            pass

    asyncio.run(run())
    assert registry.get_sample_value("prelude_seal_leaves") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seal-key-file", "/nowhere/seal.key"], "can't be read"),
        (["--seal-key-file", "{key}", "--seal-webhook", "example.com"], "is no address to send checkpoints to"),
        (["--seal-key-file", "{key}", "--seal-bucket", "example.com/seals"], "is no bucket for checkpoints"),
        (["--seal-key-file", "{key}", "--seal-checkpoint-file", "/proc/nowhere/file"], "can't be written to"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(tmp_path: Path, options: list[str], says: str) -> None:
    keys.generate(tmp_path / "seal.key")
    given = [one.format(key=tmp_path / "seal.key") for one in options]
    error = (
        CliRunner()
        .invoke(command, ["--database-url", "postgresql://127.0.0.1:1/none", "--port", "0", *given])
        .exception
    )
    assert isinstance(error, ConfigurationError)
    assert says in str(error)
