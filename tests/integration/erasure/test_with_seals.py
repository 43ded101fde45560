"""A sealed log goes on verifying while people are erased and renamed in it; receipts are signed by its key."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from prelude_store.command import command
from prelude_store.writer import Batch, Writer
from tests.integration.erasure.conftest import Erase
from tests.support.dump import Superuser, dump
from tests.support.people import ADA, BOB, EVE, people_history
from tests.support.postgres import as_role
from tests.support.rows import make_row

passes = pytest.importorskip("prelude_store.seals.passes")
keys = pytest.importorskip("prelude_store.seals.keys")
sealer = pytest.importorskip("prelude_store.seals.sealer")
verifying = pytest.importorskip("prelude_store.seals.verify")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("renamed", [None, BOB, EVE])
def test_what_was_sealed_before_and_after_verifies(
    database: str,
    writers: tuple[Writer, Writer],
    erase: Erase,
    superuser: Superuser,
    tmp_path: Path,
    seed: int,
    renamed: str | None,
) -> None:
    pick = Random(seed)
    key = keys.generate(tmp_path / "seal.key")
    with sealer.connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        outside = []

        def seal() -> None:
            while (done := passes.carry_out(sealing, key, checkpoint_seconds=0)).leaves:
                outside.append(done.checkpoint)

        rows, spans = people_history(pick, 60)
        for start in range(0, 60, 10):
            pick.choice(writers).write(Batch(rows=rows[start : start + 10], spans=spans if start == 30 else []))
            if pick.random() < 0.5:
                seal()
            if start == 40:
                worked = erase(ADA, renamed)
                assert worked.run is not None
        erase(BOB)
        seal()
        found = verifying.verify(sealing, [one for one in outside if one], [key.verifier])
    assert not found.findings
    assert found.explained > 0
    if renamed is None:
        assert ADA not in dump(superuser).lower()
    assert BOB not in dump(superuser).lower()


def test_a_receipt_is_signed_by_the_key_of_the_seals(
    database: str, writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.generate(tmp_path / "seal.key")
    monkeypatch.setenv("PRELUDE_SEAL_KEY_FILE", str(tmp_path / "seal.key"))
    writer.write(Batch(rows=[make_row(user_email=ADA)]))
    file = tmp_path / "receipt.json"
    words = ["erase", "--user", ADA, "--receipt", str(file), "--database-url", as_role(database, "governor")]
    assert f"signed by {key.name}" in CliRunner().invoke(command, words, catch_exceptions=False).output
    receipt = json.loads(file.read_text())
    receipt["signature"]["value"] = "A" * 86 + "=="
    file.write_text(json.dumps(receipt))
    refused = CliRunner().invoke(
        command, ["erase", "--replay", str(file), "--database-url", as_role(database, "governor")]
    )
    assert "was altered" in str(refused.exception)
