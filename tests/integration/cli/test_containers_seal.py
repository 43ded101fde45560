"""What the containers of docker-compose.yml run to seal, run here: the login, the key once, analytics with its variables, and verify."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from psycopg.conninfo import make_conninfo

from prelude_analytics.sealing import sealed
from prelude_analytics.settings import Settings
from prelude_otel.errors import ConfigurationError
from prelude_store.command import command
from prelude_store.seals.keys import SigningKey
from prelude_store.writer import Batch, Writer
from tests.integration.cli.test_logins import run_script
from tests.support.postgres import as_role
from tests.support.rows import make_row
from tests.unit.cli.test_compose import SERVICES


def here(folder: Path, words: list[str]) -> list[str]:
    """With the folders of the containers in `folder`."""
    return [word.replace("/var/lib", str(folder)) for word in words]


def run(words: list[str], **variables: str) -> Any:

    assert words[0] == "store"
    return CliRunner().invoke(command, words[1:], env=variables, catch_exceptions=False)


def test_the_key_is_made_once_the_log_is_sealed_and_verify_finds_nothing(database: str, tmp_path: Path) -> None:
    make_key = here(tmp_path, SERVICES["seal-key"]["command"])
    first, second = run(make_key), run(make_key)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.output == second.output
    run_script(database, "analytics", "secret")
    environment = SERVICES["analytics"]["environment"]
    key_file, out = (
        Path(path)
        for path in here(tmp_path, [environment[f"PRELUDE_SEAL_{name}"] for name in ("KEY_FILE", "CHECKPOINT_FILE")])
    )
    assert first.output.strip() == str(SigningKey.read(key_file).verifier)
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row() for _ in range(3)]))
    writer.close()
    registry = CollectorRegistry()

    async def seal() -> None:
        login = make_conninfo(database, user="prelude_analytics", password="secret")
        settings = Settings(database_url=login, seal_key_file=key_file, seal_checkpoint_file=out)
        async with sealed(login, settings, registry):
            while not registry.get_sample_value("prelude_seal_sent"):  # noqa: ASYNC110 (a thread can set no event of asyncio)
                await asyncio.sleep(0.02)

    asyncio.run(seal())
    verify = here(tmp_path, SERVICES["verify"]["entrypoint"])
    assert verify[0] == "prelude"
    found = run([*verify[1:], "--key", first.output.strip()], PRELUDE_DATABASE_URL=database)
    assert (found.exit_code, "3 rows of 3 leaves compared" in found.output) == (0, True), found.output
    assert "1 of 1 from outside agree" in found.output


def test_a_folder_for_the_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "prelude-seal").write_text("a file")

    with pytest.raises(ConfigurationError, match="can't be written"):
        run(here(tmp_path, SERVICES["seal-key"]["command"]))
