"""Signed notes and checkpoints: C2SP signed-note, tlog-checkpoint and tlog-cosignature. Pure functions, but for the signatures."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Final, NamedTuple

from prelude_otel.errors import StoreError

__all__ = ["COSIGNATURE", "ED25519", "Checkpoint", "NoteError", "Signature", "VerifierKey", "checkpoint_text", "key_id"]

ED25519: Final = 1
"""Type of a key that signs the note as it is."""
COSIGNATURE: Final = 4
"""Type of a witness' key: it signs the note with a time."""

_DASH: Final = "\u2014 "
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_ROOT_BYTES: Final = 32
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]{1,200}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(StoreError):
    """A text is no checkpoint, or no key."""


class Signature(NamedTuple):
    """One line: whose it seems to be, and what was signed with."""

    name: str
    key_id: bytes
    value: bytes


class VerifierKey(NamedTuple):
    """The public half of a key.

    Args:
        kind: `ED25519` or `COSIGNATURE`.
        public: 32 bytes.
    """

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that stand in signatures."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        """As C2SP signed-note writes it."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read what `__str__` wrote.

        Raises:
            NoteError: it is no key of a kind that we know, or was mistyped.
        """
        name, _, rest = text.strip().partition("+")
        identity, _, encoded = rest.partition("+")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 1 + _KEY_BYTES or key[0] not in {ED25519, COSIGNATURE} or not _NAME.fullmatch(name):
            raise NoteError(f"{text.strip()!r} is no verifier key; one looks like name+1a2b3c4d+AW…")
        found = cls(name, key[0], key[1:])
        if found.id.hex() != identity.lower():
            raise NoteError(f"the verifier key {text.strip()!r} was mistyped: its id should be {found.id.hex()}")
        return found


class Checkpoint(NamedTuple):
    """A note that says how large a log was, and with which root.

    Args:
        text: what is signed, with its last newline.
        signatures: as found, nothing about them is checked.
    """

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        """Read a note.

        Raises:
            NoteError: it is no checkpoint; what is wrong.
        """
        text, gap, lines = note.rpartition("\n\n")
        if not gap:
            raise NoteError(f"no checkpoint: there is no empty line before signatures in {note[:80]!r}")
        text += "\n"
        parts = text.split("\n")
        if len(parts) < 4 or not parts[0] or not _SIZE.fullmatch(parts[1]):  # noqa: PLR2004 (origin, size, root, and the end)
            raise NoteError(f"no checkpoint: it begins {text[:80]!r}, and not with an origin, a size and a root")
        root = _decoded(parts[2])
        if root is None or len(root) != _ROOT_BYTES:
            raise NoteError(f"no checkpoint: {parts[2][:80]!r} is no root of 32 bytes in base64")
        if not lines.endswith("\n"):
            raise NoteError("no checkpoint: its last line has no end")
        signatures = tuple(_signature(line) for line in lines.removesuffix("\n").split("\n"))
        return cls(parts[0], int(parts[1]), root, text, signatures)

    @property
    def note(self) -> str:
        """With its signatures."""
        return f"{self.text}\n" + "".join(_line(one) for one in self.signatures)

    def signed_by(self, *signatures: Signature) -> Checkpoint:
        """With further signatures; those that are there already are not repeated."""
        return self._replace(
            signatures=self.signatures + tuple(one for one in signatures if one not in self.signatures)
        )


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The first four bytes of a hash over all that makes a key."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_ID_BYTES]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What is signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = _decoded(encoded)
    if not line.startswith(_DASH) or not name or value is None or len(value) <= _ID_BYTES:
        raise NoteError(f"no checkpoint: {line[:80]!r} is no signature")
    return Signature(name, value[:_ID_BYTES], value[_ID_BYTES:])


def _line(one: Signature) -> str:
    return f"{_DASH}{one.name} {base64.b64encode(one.key_id + one.value).decode()}\n"


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
