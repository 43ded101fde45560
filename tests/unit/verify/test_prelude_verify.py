"""The verifier's own mathematics against others', and that it is the one plain file that an auditor was promised."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.verifier import VERIFIER, load_verifier

verifier = load_verifier()

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def tree() -> ast.Module:
    # As Python 3.9 reads it: what is newer is an error.
    return ast.parse(VERIFIER.read_text("utf-8"), feature_version=(3, 9))


def test_it_needs_the_standard_library_alone() -> None:
    imported = set()
    for node in ast.walk(tree()):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in {"__import__", "exec", "eval"}
    assert imported
    assert imported <= sys.stdlib_module_names


def test_the_rfc_s_signatures_hold_and_no_others() -> None:
    for key, message, signature in VECTORS:
        public, text, signed = map(bytes.fromhex, (key, message, signature))
        assert verifier.signed_by(public, signed, text)
        assert not verifier.signed_by(public, signed, text + b"x")
        for at in range(len(signed)):
            other = bytes([*signed[:at], signed[at] ^ 1 << at % 8, *signed[at + 1 :]])
            assert not verifier.signed_by(public, other, text)


def test_signatures_of_the_library_that_signs_hold() -> None:
    chance = random.Random(25519)
    for _ in range(20):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public, text = private.public_key().public_bytes_raw(), chance.randbytes(chance.randrange(200))
        assert verifier.signed_by(public, private.sign(text), text)
        assert not verifier.signed_by(public, private.sign(text + b"."), text)


def test_a_signature_has_one_form_and_a_point_one_too() -> None:
    key, message, signature = map(bytes.fromhex, VECTORS[1])
    factor = int.from_bytes(signature[32:], "little") + verifier.ORDER
    assert not verifier.signed_by(key, signature[:32] + factor.to_bytes(32, "little"), message)
    assert not verifier.signed_by(key, signature + b"\0", message)
    assert not verifier.signed_by(key, signature[:63], message)
    for data in (bytes([2]) + bytes(31), (verifier.P + 1).to_bytes(32, "little"), b"\xff" * 32):
        with pytest.raises(ValueError, match="no point"):
            verifier.point_of(data)


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def path_of(leaf: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, word by word."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if leaf < half:
        return [*path_of(leaf, leaves[:half]), root_of(leaves[half:])]
    return [*path_of(leaf - half, leaves[half:]), root_of(leaves[:half])]


LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(70)]


def test_a_tree_that_grows_by_any_portions_has_the_rfc_s_root_after_each() -> None:
    chance = random.Random(6962)
    for size in range(len(LEAVES)):
        for _ in range(5):
            grown, first = verifier.Tree(), 0
            assert grown.root() == root_of([])
            while first < size:
                end = chance.randint(first + 1, size)
                for node in verifier.nodes_over(first, LEAVES[first:end]):
                    grown.add(node)
                assert (grown.size, grown.root()) == (end, root_of(LEAVES[:end]))
                first = end


def test_a_path_leads_to_the_root_from_its_own_leaf_alone() -> None:
    for size in (1, 2, 3, 7, 8, 33, 64, 70):
        root = root_of(LEAVES[:size])
        for leaf in range(size):
            path = path_of(leaf, LEAVES[:size])
            assert verifier.root_by_path(leaf, size, LEAVES[leaf], path) == root
            wrong = [(leaf, path[:-1]), (leaf, [*path, root]), (leaf + size, path), (-1, path)]
            wrong += [(other, path) for other in range(size) if other != leaf]
            for place, steps in wrong:
                if (place, steps) != (leaf, path):
                    assert verifier.root_by_path(place, size, LEAVES[leaf], steps) != root


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1970-01-01", 0),
        ("2026-11-02T00:00:00+00:00", 1_793_577_600_000_000),
        ("2026-11-02T05:30:00.000001+05:30", 1_793_577_600_000_001),
        ("2026-11-01T20:00:00-04:00", 1_793_577_600_000_000),
    ],
)
def test_times_of_acts_are_read_in_each_form_that_json_has_them(text: str, says: int) -> None:
    assert verifier.microseconds(text) == says


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": 1, "a": 1}', "[1] [2]", "01", "'a'", '"\t"', "\ufeff{}"])
def test_json_is_read_strictly(text: str) -> None:
    with pytest.raises(json.JSONDecodeError if text[0] not in "N[{" else ValueError):
        verifier.JSON.decode(text)
