"""What leaves the house: bundles and proofs, checked by a program that shares no code with the sealer."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prelude_store.seals import keys
from prelude_store.seals.bundle import write_bundle
from prelude_store.seals.outside import line_of
from prelude_store.seals.proof import prove
from tests.support import tampering
from tests.support.sealed import Sealed, undone

VERIFIER = Path(__file__).parents[3] / "verify" / "prelude_verify.py"


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
    assert done.returncode in {1, 2}, done.stdout


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
    rival = keys.generate(tmp_path / "rival.key", sealed.key.name)
    cases: list[tuple[list[object], int, str]] = [
        (["--checkpoint", foreign, "--key", sealed.key.verifier], 2, "is of the log"),
        (["--key", stranger.verifier], 2, "the key is of"),
        (["--key", str(sealed.key.verifier).replace("+", "+0", 1)], 2, "mistyped"),
        (["--key", "nonsense"], 2, "no public key"),
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
    import base64
    import importlib.util

    spec = importlib.util.spec_from_file_location("prelude_verify", VERIFIER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prelude_verify"] = module
    spec.loader.exec_module(module)
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
    del sys.modules["prelude_verify"]
