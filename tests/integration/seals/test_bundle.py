"""What leaves the house: bundles and proofs, checked by a program that shares no code with the sealer."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prelude_store import lanes
from prelude_store.connection import connect
from prelude_store.governance.acts import record_act
from prelude_store.governance.changes import RowKey, changing
from prelude_store.row import SpanLength
from prelude_store.seals import keys, passes
from prelude_store.seals.bundle import write_bundle
from prelude_store.seals.outside import line_of
from prelude_store.seals.proof import prove
from prelude_store.seals.rotation import rotate
from prelude_store.seals.sealer import connected
from prelude_store.writer import Batch, Writer
from tests.support import tampering
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row
from tests.support.sealed import Sealed, undone
from tests.support.verifier import VERIFIER, load_verifier


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", VERIFIER, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkpoints(sealed: Sealed, tmp_path: Path) -> Path:
    """One checkpoint from outside."""
    path = tmp_path / "checkpoints.jsonl"
    path.write_text(f"{line_of(sealed.checkpoints[-1])}\n")
    return path


def bundle_of(connection: Any, folder: Path) -> Path:
    path = folder / "log.seals.ndjson"
    with path.open("w", encoding="utf-8") as file:
        write_bundle(connection, file)
    return path


@pytest.fixture
def bundle(superuser: Any, tmp_path: Path) -> Path:
    return bundle_of(superuser, tmp_path)


def test_a_lawful_log_passes(sealed: Sealed, bundle: Path, checkpoints: Path) -> None:
    done = check(bundle, "--checkpoint", checkpoints, "--key", sealed.key.verifier)
    assert done.returncode == 0, done.stdout
    assert "All is as it was sealed." in done.stdout
    size = sealed.checkpoints[-1].size
    assert f"{size:,} leaves" in done.stdout


def test_checkpoints_may_be_a_folder_of_files(sealed: Sealed, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    (folder / "production").mkdir(parents=True)
    for number, one in enumerate(sealed.checkpoints):
        (folder / "production" / f"{number:020}.txt").write_text(one.note)
    (folder / ".aws-lock").write_text("of whoever copied them")
    done = check(bundle, "--checkpoint", folder, "--key", sealed.key.verifier)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(sealed.checkpoints):,} of {len(sealed.checkpoints):,} from outside agree" in done.stdout
    (folder / "production" / "other").write_text("no checkpoint")
    done = check(bundle, "--checkpoint", folder, "--key", sealed.key.verifier)
    assert done.returncode == 2
    assert f"{folder / 'production' / 'other'} holds what is no checkpoint" in done.stderr


@pytest.mark.parametrize("way", tampering.WAYS, ids=lambda way: way.__name__)
def test_tampering_is_found_offline(
    superuser: Any, sealed: Sealed, tmp_path: Path, checkpoints: Path, way: Callable[..., str]
) -> None:
    if way in OF_THE_DATABASE_ALONE:
        pytest.skip("a bundle does not hold that")
    with undone(superuser):
        way(superuser, random.Random(f"offline {way.__name__}"), sealed)
        path = bundle_of(superuser, tmp_path)
    done = check(path, "--checkpoint", checkpoints, "--key", sealed.key.verifier, "--quiet")
    # A leaf of a kind that there is not makes the whole bundle unreadable.
    assert done.returncode == 1 or (done.returncode == 2 and way is tampering.edit_leaves), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


OF_THE_DATABASE_ALONE = {
    tampering.edit_tiles, tampering.delete_tiles, tampering.edit_the_state, tampering.set_a_cursor_back, tampering.set_a_lane_back,
    tampering.forget_a_lane, tampering.insert_into_a_lane_that_there_is_not, tampering.insert_beyond_the_end_of_a_lane,
    tampering.delete_all_checkpoints, tampering.edit_a_hint, tampering.exchange_the_key,
    tampering.forget_that_anything_was_sealed,
}  # fmt: skip


def lines_of(bundle: Path) -> list[str]:
    return bundle.read_text("utf-8").splitlines()


def test_a_bundle_with_something_behind_its_end_says_so(sealed: Sealed, bundle: Path) -> None:
    for garbage in ("x\n", "\n", '["r", 1]\n', '{"end": {}}\n', "\0\0\0"):
        path = bundle.with_name("longer")
        path.write_text(bundle.read_text("utf-8") + garbage, "utf-8")
        done = check(path, "--key", sealed.key.verifier, "--quiet")
        assert (done.returncode, done.stdout) == (2, "")
        assert "behind its end" in done.stderr


def test_a_bundle_that_was_cut_off_says_so(sealed: Sealed, bundle: Path) -> None:
    text = bundle.read_text("utf-8")
    path = bundle.with_name("shorter")
    for cut, says in (
        (len(text) // 2, "cut off|not what the format says"),
        (-30, "damaged|cut off"),
        (10, "no bundle"),
    ):
        path.write_text(text[:cut], "utf-8")
        done = check(path, "--key", sealed.key.verifier, "--quiet")
        assert done.returncode == 2
        assert any(one in done.stderr for one in says.split("|")), done.stderr


def test_a_checkpoint_of_another_log_a_wrong_key_and_a_mistyped_one_each_say_so(
    sealed: Sealed, bundle: Path, checkpoints: Path, tmp_path: Path
) -> None:
    stranger = keys.generate(tmp_path / "stranger.key")
    foreign = tmp_path / "foreign.txt"
    foreign.write_text(stranger.checkpoint(5, bytes(32)).note)
    empty = tmp_path / "empty"
    empty.mkdir()
    rival = keys.generate(tmp_path / "rival.key", sealed.key.name)
    cases: list[tuple[list[object], int, str]] = [
        (["--checkpoint", foreign, "--key", sealed.key.verifier], 2, "is of the log"),
        (["--key", stranger.verifier], 2, "the key is of"),
        (["--key", str(sealed.key.verifier).replace("+", "+0", 1)], 2, "mistyped"),
        (["--key", "nonsense"], 2, "no public key"),
        (["--checkpoint", empty, "--key", sealed.key.verifier], 2, "there is no file in"),
        (["--checkpoint", tmp_path / "none", "--key", sealed.key.verifier], 2, "can't be read"),
        (["--checkpoint", checkpoints, "--key", rival.verifier], 1, "not signed by a key that you trust"),
    ]
    for arguments, code, says in cases:
        done = check(bundle, *arguments, "--quiet")
        assert done.returncode == code, (arguments, done)
        assert says in done.stderr + done.stdout


def test_another_value_in_a_bundle_is_found_with_its_event(sealed: Sealed, bundle: Path, checkpoints: Path) -> None:
    lines = lines_of(bundle)
    at = next(at for at, line in enumerate(lines) if line.startswith('["r"') and "anna@company.com" in line)
    event_id = json.loads(lines[at])[3]
    lines[at] = lines[at].replace("anna@company.com", "ahna@company.com")
    bundle.write_text("\n".join(lines) + "\n", "utf-8")
    done = check(bundle, "--checkpoint", checkpoints, "--key", sealed.key.verifier, "--quiet")
    assert done.returncode == 1
    assert f"is not as it was sealed: event {event_id}" in done.stdout


def test_a_row_is_proved_and_nothing_else_is(superuser: Any, sealed: Sealed, checkpoints: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    path = tmp_path / "proof.json"
    for _ in range(5):
        lane, seq, event_id, _ = tampering.a_row(superuser, chance)
        proof = prove(superuser, event_id)
        path.write_text(json.dumps(proof))
        done = check("--proof", path, "--checkpoint", checkpoints, "--key", sealed.key.verifier)
        assert (done.returncode, done.stdout) == (0, "The row is in the log.\n"), (lane, seq, done)
    for name, value in {
        "leaf": proof["leaf"] - 1 if proof["leaf"] else 1,
        "path": proof["path"][:-1],
        "row": proof["row"] | {"clear": proof["row"]["clear"].replace("create_deal", "update_deal")},
    }.items():
        path.write_text(json.dumps(proof | {name: value}))
        done = check("--proof", path, "--key", sealed.key.verifier)
        assert done.returncode == 1, name
        assert "is not in the log as the proof says" in done.stdout
    path.write_text("{}")
    assert "is no proof" in check("--proof", path).stderr


def test_every_row_can_be_proved(superuser: Any, sealed: Sealed) -> None:
    module = load_verifier()
    rows = superuser.execute("SELECT event_id FROM user_activity_logs ORDER BY random() LIMIT 150").fetchall()
    for (event_id,) in rows:
        proof = prove(superuser, event_id)
        row = proof["row"]
        content = row["clear"].encode()
        for name in ("person", "device", "content"):
            value = row[name]
            if value is None:
                content += bytes(32)
            elif "commitment" in value:
                content += bytes.fromhex(value["commitment"])
            else:
                content += module.commitment(name, value["salt"], value["text"])
        body = module.sha256(content).digest()
        leaf = module.leaf_hash("r", row["event_id"], row["at"], row["lane"], row["lane_seq"], body)
        path = [base64.b64decode(one) for one in proof["path"]]
        checkpoint = module.Checkpoint.parse(proof["checkpoint"])
        assert module.root_by_path(proof["leaf"], checkpoint.size, leaf, path) == checkpoint.root


def test_a_bundle_of_a_log_in_use_raises_no_alarm(database: str, tmp_path: Path) -> None:
    """A duration came, and nobody has sealed its amendment yet."""
    key = keys.generate(tmp_path / "seal.key")
    rows = [waiting_row() for _ in range(3)]
    with (
        closing(Writer(as_role(database, "writer"))) as writer,
        connected(as_role(database, "sealer"), "test") as sealing,
        connect(as_role(database, "governor"), "test") as governor,
    ):
        passes.admit(sealing, key)
        writer.write(Batch(rows=rows))
        passes.carry_out(sealing, key, checkpoint_seconds=0)
        writer.write(Batch(spans=[SpanLength(str(row.trace_id), str(row.span_id), 7_000_000) for row in rows[:2]]))
        bundle = bundle_of(sealing, tmp_path)
        done = check(bundle, "--key", key.verifier)
        assert done.returncode == 0, done.stdout
        assert "Of the durations 2 are explained by amendments that are not sealed yet." in done.stdout

        # An amendment of another row, or with another duration, explains nothing.
        text = bundle.read_text("utf-8")
        for word, other in ((rows[0].event_id, rows[2].event_id), ("[7, ", "[8, ")):
            at = text.index(word, text.index("unsealed"))
            bundle.write_text(text[:at] + other + text[at + len(word) :], "utf-8")
            done = check(bundle, "--key", key.verifier, "--quiet")
            assert done.returncode == 1
            assert rows[0].event_id in done.stdout or rows[1].event_id in done.stdout

        # What is graver waits for its seal, and the verifier says so.
        lane = lanes.claim(governor)
        with governor.transaction():
            act = record_act(governor, lane, "erase", "token-1", {"person": "ab"}, "asked for")
        ((row_lane, seq, at_),) = governor.execute(
            'SELECT lane, lane_seq, "timestamp" FROM user_activity_logs WHERE event_id = %s', [rows[2].event_id]
        ).fetchall()
        place = RowKey(row_lane, seq, UUID(rows[2].event_id), at_)
        with governor.transaction(), changing(governor, lane, act, "erased", "person", [place]):
            governor.execute(
                "UPDATE user_activity_logs SET user_email = NULL, session_id = NULL WHERE event_id = %s",
                [rows[2].event_id],
            )
        done = check(bundle_of(sealing, tmp_path), "--key", key.verifier, "--quiet")
        assert (done.returncode, rows[2].event_id in done.stdout) == (1, True)
        assert "2 changes and acts are not sealed yet" in done.stdout
        passes.carry_out(sealing, key, checkpoint_seconds=0)
        done = check(bundle_of(sealing, tmp_path), "--key", key.verifier, "--quiet")
        assert done.returncode == 0, done.stdout


def test_a_successor_of_the_key_is_trusted_and_nobody_before_it(database: str, tmp_path: Path) -> None:
    old = keys.generate(tmp_path / "old.key")
    new = keys.generate(tmp_path / "new.key", old.name)
    with (
        closing(Writer(as_role(database, "writer"))) as writer,
        connected(as_role(database, "sealer"), "test") as sealing,
        connect(as_role(database, "governor"), "test") as governor,
    ):
        passes.admit(sealing, old)
        writer.write(Batch(rows=[make_row()]))
        passes.carry_out(sealing, old, checkpoint_seconds=0)
        rotate(governor, old, new, "yearly")
        passes.admit(sealing, new)
        passes.carry_out(sealing, new, checkpoint_seconds=0)
        bundle = bundle_of(sealing, tmp_path)
    for trusted, code in (
        ([old], 0),
        ([old, new], 0),
        ([], 0),
        ([new], 1),
        ([keys.generate(tmp_path / "third", old.name)], 1),
    ):
        arguments = [argument for key in trusted for argument in ("--key", key.verifier)]
        done = check(bundle, *arguments, "--quiet")
        assert done.returncode == code, (trusted, done)
