"""What `prelude doctor` says about seals: who seals, with which key, and whether checkpoints leave the house."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from prelude_store.connection import connect
from prelude_store.seals import keys, passes, rotation
from prelude_store.seals.bucket import Bucket
from prelude_store.seals.checks import checks
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.notes import Checkpoint
from prelude_store.seals.outside import line_of
from prelude_store.seals.sealer import LOCK, connected
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row
from tests.support.s3 import running_s3

Said = dict[str, tuple[bool | None, str, str]]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY_FILE", "CHECKPOINT_FILE", "WEBHOOK", "BUCKET"):
        monkeypatch.delenv(f"PRELUDE_SEAL_{name}", raising=False)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return keys.generate(tmp_path / "seal.key")


@pytest.fixture
def checkpoint(database: str, key: SigningKey) -> Checkpoint:
    """Of a log with three rows."""
    return seal(database, key)


def write(database: str) -> None:
    with closing(Writer(as_role(database, "writer"))) as writer:
        writer.write(Batch(rows=[make_row() for _ in range(3)]))


def seal(database: str, key: SigningKey) -> Checkpoint:
    write(database)
    with connected(as_role(database, "sealer"), "test") as connection:
        passes.admit(connection, key)
        done = passes.carry_out(connection, key, checkpoint_seconds=0)
    assert done.checkpoint is not None
    return done.checkpoint


@contextmanager
def somebody_seals(database: str) -> Iterator[None]:
    with connect(as_role(database, "sealer"), "test") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield


def change(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as superuser:
        superuser.execute(statement.encode())


def said(database: str, role: str = "reader", **context: Path) -> Said:
    told = {f"seal_{name}": str(path) for name, path in context.items()}
    with connect(as_role(database, role), "test") as connection:
        return {name: (ok, found, remedy) for name, ok, found, remedy in checks(connection, told)}


def test_a_log_that_nobody_means_to_seal_is_not_spoken_of(database: str) -> None:
    assert said(database) == {}


def test_a_login_that_may_not_look_says_nothing(database: str, checkpoint: Checkpoint) -> None:
    assert said(database, "writer") == {}


def test_all_is_well_while_somebody_seals_and_checkpoints_get_out(
    database: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoints.jsonl"
    out.write_text(f"{line_of(checkpoint)}\n")
    with somebody_seals(database):
        found = said(database, key_file=tmp_path / "seal.key", checkpoint_file=out)
    assert list(found) == ["seals", "seal key", "checkpoint file"]
    assert all(ok for ok, _, _ in found.values()), found
    assert found["checkpoint file"][1] == "3 of 3 leaves are covered outside"


def test_nobody_who_seals_is_said_so(database: str, checkpoint: Checkpoint) -> None:
    write(database)
    ok, found, remedy = said(database)["seals"]
    assert ok is False
    assert "nobody seals; the last did" in found
    assert "3 entries wait" in found
    assert "PRELUDE_SEAL_KEY_FILE" in remedy


def test_a_key_here_and_nobody_who_ever_sealed_is_said_so(database: str, key: SigningKey, tmp_path: Path) -> None:
    write(database)
    found = said(database, key_file=tmp_path / "seal.key")
    assert found["seals"][:2] == (False, "nobody seals, and 3 entries wait")
    assert found["seal key"][0] is True


def test_seals_that_lag_are_said_so(database: str, checkpoint: Checkpoint) -> None:
    write(database)
    change(database, "UPDATE seal_state SET as_of = now() - interval '5 minutes'")
    with somebody_seals(database):
        ok, found, remedy = said(database)["seals"]
    assert (ok, found) == (False, "seals lag by 5 min, 3 entries wait")
    assert "--share 1" in remedy


def test_leaves_under_no_signature_are_said_so(database: str, checkpoint: Checkpoint) -> None:
    change(database, "UPDATE seal_state SET size = size + 2")
    change(database, "UPDATE seal_checkpoints SET signed_at = now() - interval '5 minutes'")
    with somebody_seals(database):
        assert said(database)["seals"][:2] == (False, "2 leaves are under no signature")


def test_a_key_that_others_may_read_is_said_so(database: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    path.chmod(0o644)
    ok, found, remedy = said(database, key_file=path)["seal key"]
    assert ok is False
    assert "everybody on this machine may read" in found
    assert remedy == f"Run: chmod 600 {path}."


def test_a_key_that_is_not_there_or_damaged_is_said_so(database: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    ok, found, remedy = said(database, key_file=tmp_path / "none")["seal key"]
    assert (ok, "can't be read" in found) == (False, True)
    assert "seal key generate" in remedy
    path = tmp_path / "seal.key"
    text = path.read_text()
    path.write_text(text.replace(checkpoint.signatures[0].key_id.hex(), "00000000"))
    ok, found, remedy = said(database, key_file=path)["seal key"]
    assert (ok, "is damaged" in found, "copy" in remedy) == (False, True, True)


def test_the_key_of_another_log_is_said_so(database: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    other = keys.generate(tmp_path / "other.key")
    ok, found, _ = said(database, key_file=tmp_path / "other.key")["seal key"]
    assert (ok, found) == (
        False,
        f"{tmp_path / 'other.key'} is the key of {other.name}, and this log is {checkpoint.origin}",
    )


def test_a_key_that_no_act_names_is_said_so_until_one_does(
    database: str, key: SigningKey, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    second = keys.generate(tmp_path / "second.key", key.name)
    ok, found, remedy = said(database, key_file=tmp_path / "second.key")["seal key"]
    assert (ok, "no act of the log names the key" in found, "key rotate" in remedy) == (False, True, True)
    with connect(as_role(database, "governor"), "test") as connection:
        rotation.rotate(connection, key, second, "yearly")
    assert said(database, key_file=tmp_path / "second.key")["seal key"][0] is True


def test_checkpoints_that_stay_inside_are_said_so(
    database: str, key: SigningKey, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoints.jsonl"
    out.write_text(f"{line_of(checkpoint)}\n")
    seal(database, key)
    assert said(database, checkpoint_file=out)["checkpoint file"][0] is True, "it had no time yet"
    change(database, "UPDATE seal_checkpoints SET signed_at = now() - interval '3 hours' WHERE size = 6")
    ok, found, remedy = said(database, checkpoint_file=out)["checkpoint file"]
    assert (ok, found) == (False, f"checkpoints have not got out for 3 hours: {out} covers only 3 leaves of 6")
    assert "did not get out" in remedy
    out.write_text("")
    assert "covers nothing of 6" in said(database, checkpoint_file=out)["checkpoint file"][1]


def test_a_database_that_went_back_or_was_written_anew_is_said_so(
    database: str, key: SigningKey, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoints.jsonl"
    out.write_text(f"{line_of(key.checkpoint(3, bytes(32)))}\n")
    ok, found, remedy = said(database, checkpoint_file=out)["checkpoint file"]
    assert (ok, "is another than the one in the database" in found) == (False, True)
    assert "prelude store verify --checkpoint" in remedy
    out.write_text(f"{line_of(checkpoint)}\n{line_of(key.checkpoint(400, bytes(32)))}\n" + '{"cut": "o')
    ok, found, remedy = said(database, checkpoint_file=out)["checkpoint file"]
    assert (ok, found) == (False, f"the newest checkpoint in {out} covers 400 leaves, and those in the database 3")
    assert "prelude store verify --checkpoint" in remedy


def test_a_file_that_is_of_another_log_or_none_is_said_so(
    database: str, key: SigningKey, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "checkpoints.jsonl"
    assert said(database, checkpoint_file=out)["checkpoint file"][:2] == (
        False,
        f"there is no {out}: no checkpoint was written to it",
    )
    assert not out.exists()
    other = keys.generate(tmp_path / "other.key")
    out.write_text(f"{line_of(other.checkpoint(3, bytes(32)))}\n")
    assert "is of the log" in said(database, checkpoint_file=out)["checkpoint file"][1]
    out.write_text("what?\n")
    assert "is no checkpoint" in said(database, checkpoint_file=out)["checkpoint file"][1]


def test_a_file_that_takes_no_more_is_said_so(database: str, checkpoint: Checkpoint) -> None:
    sealed_off = Path("/proc/version")  # not even root may write to it
    ok, found, remedy = said(database, checkpoint_file=sealed_off)["checkpoint file"]
    assert (ok, "can't be added to /proc/version" in found) == (False, True)
    assert "write there" in remedy


def test_a_pipe_is_not_waited_for(database: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert said(database, checkpoint_file=tmp_path / "pipe")["checkpoint file"][0] is None


def test_a_key_here_and_no_way_out_is_said_so(
    database: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRELUDE_SEAL_KEY_FILE", str(tmp_path / "seal.key"))
    ok, found, remedy = said(database)["checkpoints"]
    assert (ok, found) == (None, "nothing here says where checkpoints go")
    assert "PRELUDE_SEAL_BUCKET" in remedy
    monkeypatch.setenv("PRELUDE_SEAL_WEBHOOK", "https://example.com")
    assert "checkpoints" not in said(database)


def test_a_bucket_is_asked_for_the_newest(
    database: str, key: SigningKey, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_s3() as store:
        for name, value in store.environment.items() | {("PRELUDE_SEAL_BUCKET", "s3://seals/crm")}:
            monkeypatch.setenv(name, value)
        change(database, "UPDATE seal_checkpoints SET signed_at = now() - interval '3 hours'")
        assert said(database)["checkpoint bucket"][:2] == (
            False,
            "checkpoints have not got out for 3 hours: s3://seals/crm covers nothing of 3",
        )
        Bucket("s3://seals/crm").put(checkpoint)
        assert said(database)["checkpoint bucket"][:2] == (True, "3 of 3 leaves are covered outside")
        Bucket("s3://seals/crm").put(key.checkpoint(9, bytes(32)))
        assert said(database)["checkpoint bucket"][0] is False, "the database has no such checkpoint"
        store.answers = ["AccessDenied"]
        ok, found, remedy = said(database)["checkpoint bucket"]
        assert (ok, found) == (None, "s3://seals/crm can't be listed: it answered 403 AccessDenied")
        assert "s3:ListBucket" in remedy
