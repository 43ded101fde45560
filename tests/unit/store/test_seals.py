"""The parts of seals that need no database, against what the standards themselves print."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelude_otel.errors import ConfigurationError
from prelude_store.seals import keys
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.merkle import EMPTY, HASH_BYTES, Frontier, inclusion, leaf_hash
from prelude_store.seals.notes import COSIGNATURE, Checkpoint, NoteError, Signature, VerifierKey
from prelude_store.seals.outside import line_of, read_checkpoints
from prelude_store.seals.trust import handed_on, handing_over

# Of the tests of Certificate Transparency.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"", number.to_bytes(4, "big")) for number in range(count)]


def plain_root(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else EMPTY
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + plain_root(hashes[:middle]) + plain_root(hashes[middle:])).digest()


def test_roots_are_those_of_certificate_transparency() -> None:
    hashes = [leaf_hash(b"", bytes.fromhex(one)) for one in INPUTS]
    for size, root in ROOTS.items():
        tree = Frontier()
        tree.append(b"".join(hashes[:size]))
        assert tree.root().hex() == root
    assert Frontier().root() == sha256(b"").digest()


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_a_tree_grows_the_same_in_any_portions_and_from_any_stop(portions: list[int]) -> None:
    hashes = leaves(sum(portions))
    tree = Frontier()
    full = []
    at = 0
    for portion in portions:
        tree = Frontier(tree.size, tree.to_bytes())
        full += tree.append(b"".join(hashes[at : at + portion]))
        at += portion
        assert tree.root() == plain_root(hashes[:at])
    assert [node.number for node in full if node.height == 8] == list(range(at // 256))
    assert all(
        node.hash == plain_root(hashes[256 * node.number : 256 * node.number + 256])
        for node in full
        if node.height == 8
    )


def test_higher_tiles_are_told_when_they_are_full() -> None:
    tree = Frontier()
    full = tree.append(b"".join(leaves(65_536)))
    assert [(node.height, node.number) for node in full[-2:]] == [(8, 255), (16, 0)]
    assert full[-1].hash == tree.root()


@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_an_inclusion_proof_leads_from_the_leaf_to_the_root(given_size: tuple[int, int]) -> None:
    size, leaf = given_size
    hashes = leaves(size)
    path = inclusion(leaf, size, lambda start, end: plain_root(hashes[start:end]))
    # RFC 9162, section 2.1.3.2
    fn, sn, node = leaf, size - 1, hashes[leaf]
    for other in path:
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + other + node).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\x01" + node + other).digest()
        fn, sn = fn >> 1, sn >> 1
    assert (sn, node) == (0, plain_root(hashes))


def test_a_frontier_of_another_size_is_no_frontier() -> None:
    with pytest.raises(ValueError, match="no frontier of 3 leaves"):
        Frontier(3, bytes(HASH_BYTES))


def test_a_note_that_go_has_signed_is_checked() -> None:
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    import base64

    value = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    signature = Signature("PeterNeumann", value[:4], value[4:])
    assert keys.check_signature(key, signature, text)
    assert not keys.check_signature(key, signature, text.replace("your", "our"))
    assert not keys.check_signature(key._replace(name="Other"), signature, text)


def test_a_checkpoint_is_read_as_it_was_signed(tmp_path: Path) -> None:
    key = keys.generate(tmp_path / "k")
    checkpoint = key.checkpoint(77, sha256(b"x").digest())
    assert Checkpoint.parse(checkpoint.note) == checkpoint
    assert keys.signers(checkpoint, [key.verifier]) == [key.verifier]
    assert keys.signers(checkpoint._replace(text=checkpoint.text.replace("77", "78")), [key.verifier]) == []
    assert VerifierKey.parse(str(key.verifier)) == key.verifier


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("", "no empty line"),
        ("a\n5\n", "no empty line"),
        ("a\n05\nAAAA\n\n— a AAAAAAAAAA==\n", "an origin, a size and a root"),
        ("a\n-1\nAAAA\n\n— a AAAAAAAAAA==\n", "an origin, a size and a root"),
        ("a\n5\nAAAA\n\n— a AAAAAAAAAA==\n", "no root of 32 bytes"),
        (f"a\n5\n{'A' * 43}=\n\n- a AAAAAAAAAA==\n", "is no signature"),
        (f"a\n5\n{'A' * 43}=\n\n— a AAAA\n", "is no signature"),
        (f"a\n5\n{'A' * 43}=\n\n— a AAAAAAAAAA==", "has no end"),
    ],
)
def test_what_is_no_checkpoint_says_why(note: str, says: str) -> None:
    with pytest.raises(NoteError, match=says):
        Checkpoint.parse(note)


def test_a_mistyped_key_is_told_from_nonsense(tmp_path: Path) -> None:
    vkey = str(keys.generate(tmp_path / "k").verifier)
    name, identity, encoded = vkey.split("+", 2)
    with pytest.raises(NoteError, match="was mistyped"):
        VerifierKey.parse(f"{name}x+{identity}+{encoded}")
    for nonsense in ("", "a", "a+b+c", f"+{identity}+{encoded}", f"{name}+{identity}+AAAA"):
        with pytest.raises(NoteError, match="is no verifier key"):
            VerifierKey.parse(nonsense)


def test_a_key_file_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "seal.key"
    key = keys.generate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.read(path).verifier == key.verifier
    with pytest.raises(ConfigurationError, match="left as it is"):
        keys.generate(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        SigningKey.read(path)
    path.chmod(0o600)
    path.write_text(path.read_text().replace("+", "-"))
    with pytest.raises(ConfigurationError, match="holds no seal key"):
        SigningKey.read(path)
    with pytest.raises(ConfigurationError, match="prelude store seal key generate"):
        SigningKey.read(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="has a space or a plus"):
        keys.generate(tmp_path / "other", "a b")


def test_trust_is_handed_on_by_both_keys_or_not_at_all(tmp_path: Path) -> None:
    first, second, third, stranger = (keys.generate(tmp_path / str(n), "log") for n in range(4))
    acts = [handing_over(first, second), handing_over(second, third)]
    everyone = [first.verifier, second.verifier, third.verifier]
    assert handed_on([first.verifier], acts) == everyone
    assert handed_on([first.verifier], acts[1:]) == [first.verifier]
    forged = handing_over(stranger, stranger) | {"old": str(first.verifier)}
    assert handed_on([first.verifier], [forged, {}, {"old": "x", "new": "y"}]) == [first.verifier]


def test_a_witness_signs_with_its_time(tmp_path: Path) -> None:
    log, witness = keys.generate(tmp_path / "log"), keys.generate(tmp_path / "witness", "w.example.com")
    checkpoint = log.checkpoint(5, bytes(32))
    public = VerifierKey(witness.name, COSIGNATURE, witness.verifier.public)
    signed = checkpoint.signed_by(keys.cosign(witness, checkpoint))
    assert keys.signers(Checkpoint.parse(signed.note), [public, log.verifier]) == [public, log.verifier]
    later = signed.signatures[1]._replace(value=os.urandom(8) + signed.signatures[1].value[8:])
    assert not keys.check_signature(public, later, checkpoint.text)


def test_checkpoints_are_read_from_lines_and_from_a_note(tmp_path: Path) -> None:
    key = keys.generate(tmp_path / "k")
    some = [key.checkpoint(size, bytes(32)) for size in (3, 9)]
    path = tmp_path / "lines"
    path.write_text("".join(f"{line_of(one)}\n" for one in some) + '{"origin": "cut o')
    assert read_checkpoints(path) == some
    path.write_text(some[0].note)
    assert read_checkpoints(path) == some[:1]
    path.write_text(f"{line_of(some[0])}\nnonsense\n")
    with pytest.raises(NoteError, match=r"line 2 of .* is no checkpoint"):
        read_checkpoints(path)
    path.write_text(" \n")
    with pytest.raises(ConfigurationError, match="is empty"):
        read_checkpoints(path)
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_checkpoints(tmp_path / "none")
