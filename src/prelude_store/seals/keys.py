"""Ed25519 keys: made, kept in files that nobody else may read, and what they sign. The secret half never reaches the database."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Final

from prelude_otel.errors import ConfigurationError, MissingExtraError
from prelude_store.seals.notes import COSIGNATURE, ED25519, Checkpoint, Signature, VerifierKey, checkpoint_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["KEY_FILE", "SigningKey", "check_signature", "generate", "is_signed", "signers"]

KEY_FILE: Final = "PRELUDE_SEAL_KEY_FILE"
"""Environment variable: where the key of the sealer is."""

_PREFIX: Final = "PRIVATE+KEY+"
_SEED_BYTES: Final = 32
_TIME_BYTES: Final = 8
_MODE: Final = 0o600


class SigningKey:
    """A key that signs checkpoints.

    Args:
        name: of the log that it is for; also the origin of its checkpoints.
        seed: 32 secret bytes.

    Attributes:
        verifier: its public half.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        except ModuleNotFoundError as error:
            raise MissingExtraError("sealing", "seals", error.name or "cryptography") from None
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = VerifierKey(name, ED25519, public)

    @property
    def name(self) -> str:
        """Of the log."""
        return self.verifier.name

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, 64 bytes."""
        signature: bytes = self._private.sign(message)
        return signature

    def checkpoint(self, size: int, root: bytes) -> Checkpoint:
        """A signed checkpoint."""
        text = checkpoint_text(self.name, size, root)
        signature = Signature(self.name, self.verifier.id, self.sign(text.encode()))
        return Checkpoint(self.name, size, root, text, (signature,))

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """The key in a file.

        Raises:
            ConfigurationError: there is none, it is no key, or everybody may read it.
        """
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the seal key {path} can't be read: {error}; make one with: prelude store seal key generate"
            ) from None
        if mode & stat.S_IRWXO:
            raise ConfigurationError(
                f"everybody on this machine may read the seal key {path} (mode {mode:o}); run: chmod 600 {path}"
            )
        name, _, rest = text.removeprefix(_PREFIX).partition("+")
        identity, _, encoded = rest.partition("+")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            secret = b""
        if not text.startswith(_PREFIX) or len(secret) != 1 + _SEED_BYTES or secret[0] != ED25519:
            raise ConfigurationError(
                f"{path} holds no seal key; make one with: prelude store seal key generate --file FILE"
            )
        key = cls(name, secret[1:])
        if key.verifier.id.hex() != identity:
            raise ConfigurationError(
                f"the seal key in {path} is damaged: its id is {identity}, and should be {key.verifier.id.hex()}"
            )
        return key


def generate(path: Path, name: str = "") -> SigningKey:
    """Make a key, and the file that holds it, which its owner alone may read.

    Args:
        name: of the log. A new one by default: a key that follows another must have the name of that.

    Raises:
        ConfigurationError: there is a file already, or none can be made.
    """
    name = name or f"prelude-otel/log/{secrets.token_hex(8)}"
    if any(character.isspace() or character == "+" for character in name):
        raise ConfigurationError(f"the name {name!r} of a log has a space or a plus in it; leave them out")
    seed = os.urandom(_SEED_BYTES)
    key = SigningKey(name, seed)
    encoded = base64.b64encode(bytes([ED25519]) + seed).decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
            file.write(f"{_PREFIX}{name}+{key.verifier.id.hex()}+{encoded}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        if not path.exists():  # its folder is a file
            raise ConfigurationError(f"the seal key can't be written: {path.parent} is no folder") from None
        raise ConfigurationError(f"there is a file {path} already; it is left as it is") from None
    except OSError as error:
        raise ConfigurationError(f"the seal key can't be written: {error}") from None
    return key


def check_signature(key: VerifierKey, signature: Signature, text: str) -> bool:
    """Whether `signature` is of `key`, over the note `text`."""
    if (signature.name, signature.key_id) != (key.name, key.id):
        return False
    if key.kind == COSIGNATURE:
        at = int.from_bytes(signature.value[:_TIME_BYTES], "big")
        return is_signed(key.public, signature.value[_TIME_BYTES:], f"cosignature/v1\ntime {at}\n{text}".encode())
    return is_signed(key.public, signature.value, text.encode())


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is one of `message` by the key whose public half is `public`."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as error:
        raise MissingExtraError("checking seals", "seals", error.name or "cryptography") from None
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signers(checkpoint: Checkpoint, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of `keys` that signed `checkpoint`."""
    return [key for key in keys if any(check_signature(key, one, checkpoint.text) for one in checkpoint.signatures)]


def cosign(key: SigningKey, checkpoint: Checkpoint) -> Signature:
    """The signature of a witness, whose key `key` is, at this moment."""
    at = int(time.time())
    witness = VerifierKey(key.name, COSIGNATURE, key.verifier.public)
    value = key.sign(f"cosignature/v1\ntime {at}\n{checkpoint.text}".encode())
    return Signature(witness.name, witness.id, at.to_bytes(_TIME_BYTES, "big") + value)
