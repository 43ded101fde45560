"""`prelude store seal`, `verify` and `prove`, as a person types them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.errors import PreludeError
from prelude_store.command import command
from prelude_store.seals import keys, passes, textfile
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.notes import COSIGNATURE, Checkpoint, VerifierKey
from prelude_store.seals.outside import line_of
from prelude_store.seals.sealer import connected
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row


def run(url: str, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(command, list(arguments), env={"PRELUDE_DATABASE_URL": url}, **options)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    made = CliRunner().invoke(
        command, ["seal", "key", "generate", "--file", str(tmp_path / "seal.key")], catch_exceptions=False
    )
    key = SigningKey.read(tmp_path / "seal.key")
    assert made.output == f"{key.verifier}\n"
    return key


@pytest.fixture
def checkpoint(database: str, key: SigningKey, tmp_path: Path) -> Path:
    """Of a log of ten rows; gives the file that holds it."""
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row(user_email=f"user{number}@company.com") for number in range(10)]))
    writer.close()
    return sealed(database, key, tmp_path)


def sealed(database: str, key: SigningKey, folder: Path) -> Path:
    with connected(as_role(database, "sealer"), "test") as connection:
        passes.admit(connection, key)
        done = passes.carry_out(connection, key, checkpoint_seconds=0)
    assert done.checkpoint is not None
    (folder / "checkpoints.jsonl").write_text(f"{line_of(done.checkpoint)}\n")
    return folder / "checkpoints.jsonl"


def test_verify_says_that_all_is_well_and_with_what_it_was_compared(
    database: str, key: SigningKey, checkpoint: Path
) -> None:
    sealer = as_role(database, "sealer")
    done = run(sealer, "verify", "--checkpoint", str(checkpoint), "--key", str(key.verifier))
    assert done.exit_code == 0, done.output
    assert "10 rows of 10 leaves compared" in done.output
    assert "1 stored checkpoints and 1 of 1 from outside agree" in done.output
    assert done.output.rstrip().endswith("Nobody touched what was sealed.")
    bare = run(sealer, "verify", "--full").output
    assert "No checkpoint from outside was given" in bare
    assert "give --key" in bare
    found = json.loads(run(sealer, "verify", "--json").stdout)
    assert (found["rows"], found["size"], found["findings"], found["keys"]) == (10, 10, [], [str(key.verifier)])


def test_verify_names_the_event_that_somebody_changed_and_fails(
    database: str, key: SigningKey, checkpoint: Path
) -> None:
    with psycopg.connect(database, autocommit=True) as superuser:
        row = superuser.execute(
            "UPDATE user_activity_logs SET ip_address = '::1' WHERE user_email = 'user7@company.com' RETURNING event_id"
        ).fetchone()
    assert row is not None
    done = run(as_role(database, "sealer"), "verify", "--checkpoint", str(checkpoint))
    assert done.exit_code == 1
    assert f"class device (event {row[0]}, of 20" in done.output
    assert "Somebody touched the log." in done.output
    found = json.loads(run(as_role(database, "sealer"), "verify", "--json").stdout)
    assert found["counts"] == {"changed": 1}


def figures(file: Path) -> dict[str, float]:
    lines = [line.split(" ") for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_verify_leaves_figures_for_prometheus_and_leaves_the_old_ones_where_it_fails(
    database: str, key: SigningKey, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "textfiles").mkdir()
    file = tmp_path / "textfiles" / "verify.prom"
    asked = ("verify", "--checkpoint", str(checkpoint), "--key", str(key.verifier), "--metrics", str(file))
    began = time.time()
    assert run(as_role(database, "sealer"), *asked).exit_code == 0
    well = figures(file)
    assert set(well) == set(textfile.NAMES)
    assert (well["prelude_verify_findings"], well["prelude_verify_leaves"], well["prelude_verify_outside"]) == (
        0,
        10,
        1,
    )
    assert began - 1 < well["prelude_verify_completed_timestamp_seconds"] < time.time() + 1
    with psycopg.connect(database, autocommit=True) as superuser:
        superuser.execute("UPDATE user_activity_logs SET action_name = action_name || '_touched'")
    assert run(as_role(database, "sealer"), *asked).exit_code == 1
    touched = figures(file)
    assert touched["prelude_verify_findings"] == 10
    assert isinstance(run(as_role(database, "reader"), *asked).exception, PreludeError)
    assert figures(file) == touched
    assert [one.name for one in file.parent.iterdir()] == ["verify.prom"]


def test_figures_that_can_not_be_written_are_an_error(
    database: str, key: SigningKey, checkpoint: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere" / "verify.prom"
    refused = run(as_role(database, "sealer"), "verify", "--metrics", str(nowhere))
    assert f"can't be written to {nowhere}: No such file" in str(refused.exception)


def test_a_log_that_was_never_sealed_says_so(database: str) -> None:
    assert "Nothing was sealed yet" in run(as_role(database, "sealer"), "verify").output
    assert "nothing was sealed yet" in run(as_role(database, "reader"), "seal", "status").output
    assert isinstance(
        run(as_role(database, "sealer"), "seal", "export", "--out", "/nowhere").exception, (PreludeError, OSError)
    )


def test_status_is_for_readers(database: str, key: SigningKey, checkpoint: Path) -> None:
    said = run(as_role(database, "reader"), "seal", "status").output
    assert key.name in said
    assert str(key.verifier) in said
    found = json.loads(run(as_role(database, "reader"), "seal", "status", "--json").stdout)
    assert (found["leaves"], found["behind"], found["checkpoint_size"]) == (10, 0, 10)


def test_a_login_without_the_role_is_told_which(database: str, key: SigningKey, checkpoint: Path) -> None:
    for arguments in (["verify"], ["seal", "export", "--out", str(checkpoint.parent / "bundle")]):
        error = run(as_role(database, "writer"), *arguments).exception
        assert "GRANT prelude_sealer TO it" in str(error)


def test_prove_needs_a_row_that_is_there_and_sealed(database: str, key: SigningKey, checkpoint: Path) -> None:
    sealer = as_role(database, "sealer")
    with psycopg.connect(database) as superuser:
        event_id = superuser.execute("SELECT event_id FROM user_activity_logs LIMIT 1").fetchall()[0][0]
    proof = json.loads(run(sealer, "prove", str(event_id)).stdout)
    assert proof["row"]["event_id"] == str(event_id)
    assert "the log has no event" in str(run(sealer, "prove", "0197f3a2-6c1e-7d3a-9f0b-2a41c8e55d10").exception)
    assert run(sealer, "prove", "x").exit_code == 2
    writer = Writer(as_role(database, "writer"))
    row = make_row()
    writer.write(Batch(rows=[row]))
    writer.close()
    assert "is not sealed yet" in str(run(sealer, "prove", row.event_id).exception)


def test_prove_finds_ids_that_tell_their_time_and_others(database: str, key: SigningKey, tmp_path: Path) -> None:
    now = time.time_ns() - 60_000_000_000
    ids = {
        "its time": uuid7_text(now),
        "another time": uuid7_text(now - 86_400_000_000_000),
        "no time": str(uuid4()),
        "gone": str(uuid4()),
    }
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row() for _ in range(700)]))
    writer.write(Batch(rows=[make_row(event_id=one, timestamp_us=now // 1000) for one in ids.values()]))
    writer.close()
    sealed(database, key, tmp_path)
    with psycopg.connect(database) as superuser:
        superuser.execute("DELETE FROM user_activity_logs WHERE event_id = %s", [ids["gone"]])
    sealer = as_role(database, "sealer")
    for said, event_id in ids.items():
        done = run(sealer, "prove", event_id)
        if said == "gone":
            assert "the log has no event" in str(done.exception)
        else:
            assert json.loads(done.stdout)["row"]["event_id"] == event_id, said


def test_export_writes_a_file_and_none_over_another(
    database: str, key: SigningKey, checkpoint: Path, tmp_path: Path
) -> None:
    sealer = as_role(database, "sealer")
    out = tmp_path / "out"
    out.mkdir()
    assert "10 leaves and 1 checkpoints" in run(sealer, "seal", "export", "--out", str(out)).output
    assert (out / "log.seals.ndjson").read_text().count("\n") == 1 + 10 + 1 + 1 + 1
    assert "left as it is" in str(run(sealer, "seal", "export", "--out", str(out)).exception)


def test_a_key_follows_another_by_command(database: str, key: SigningKey, checkpoint: Path, tmp_path: Path) -> None:
    old, new = str(tmp_path / "seal.key"), str(tmp_path / "new.key")
    run(database, "seal", "key", "generate", "--file", new, "--name", key.name)
    said = run(as_role(database, "governor"), "seal", "key", "rotate", "--old", old, "--new", new, "--reason", "yearly")
    second = SigningKey.read(Path(new))
    assert f"says that {second.verifier.id.hex()} follows {key.verifier.id.hex()}." in said.output
    shown = run(database, "seal", "key", "show", "--key-file", new)
    assert shown.output == f"{second.verifier}\n"
    sealed(database, second, tmp_path)
    done = run(as_role(database, "sealer"), "verify", "--key", str(key.verifier), "--full")
    assert done.exit_code == 0, done.output
    stranger = keys.generate(tmp_path / "stranger.key", key.name)
    alarmed = run(as_role(database, "sealer"), "verify", "--key", str(stranger.verifier))
    assert alarmed.exit_code == 1
    assert "no act says that it follows one that you gave" in alarmed.output


def test_a_witness_is_taken_in_by_command(database: str, key: SigningKey, checkpoint: Path, tmp_path: Path) -> None:
    note = json.loads(checkpoint.read_text())["note"]
    private = keys.generate(tmp_path / "witness.key", "w.example.com")
    witness = VerifierKey(private.name, COSIGNATURE, private.verifier.public)
    back = Checkpoint.parse(note).signed_by(keys.cosign(private, Checkpoint.parse(note))).note
    done = run(as_role(database, "sealer"), "seal", "cosign", "-", "--witness", str(witness), input=back)
    assert done.output == "10 leaves are witnessed by w.example.com.\n"
    assert json.loads(run(as_role(database, "reader"), "seal", "status", "--json").stdout)["note"] == back
    assert "wrong" not in done.output
    assert run(as_role(database, "sealer"), "seal", "cosign", "-", "--witness", "x", input=back).exit_code == 2
