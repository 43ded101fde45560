"""What is handed out for an erasure: who (as a keyed hash), when, and how much; signed where there is a key to sign with.

By its hash the erasure is found and done again after a backup was restored, though it names nobody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_otel.errors import StoreError
from prelude_store.seals.keys import KEY_FILE, SigningKey, is_signed

if TYPE_CHECKING:
    from prelude_store.erasure.carry_out import Worked

__all__ = ["Receipt", "make", "read"]

_FORMAT: Final = "prelude erasure receipt 1"
_OUTSIDE: Final = ("sha256", "signature")


class Receipt(NamedTuple):
    """What a receipt says that is needed to do it again.

    Args:
        person: keyed hash of the address.
        until: what the person did up to then went.
        key: fingerprint of the key of that hash.
    """

    person: bytes
    until: datetime
    key: str


def fingerprint(key: bytes) -> str:
    """By which the key of a database is known, without telling it."""
    return hashlib.sha256(b"prelude person key\0" + key).hexdigest()[:16]


def make(worked: Worked, key: bytes, *, scrubbed: bool, key_file: str | None = None) -> dict[str, Any]:
    """The receipt for `worked`.

    Args:
        key: of the database, for hashes of people.
        scrubbed: the disk was cleaned behind it.
        key_file: of the seals, which signs receipts as well; by default as `KEY_FILE` says.
    """
    run = worked.run
    assert run is not None  # noqa: S101 (nothing was done: no receipt)
    body: dict[str, Any] = {
        "format": _FORMAT, "kind": run.kind, "person": run.person.hex(), "key": fingerprint(key), "until": run.until.isoformat(),
        "began_at": run.began_at.isoformat(), "finished_at": datetime.now(UTC).isoformat(), "act": worked.act_id, "run": run.id,
        "counts": {name: count for name, count in sorted(run.counts.items()) if count}, "left": worked.left, "scrubbed": scrubbed,
    }  # fmt: skip
    if run.renamed_to is not None:
        body["renamed_to"] = run.renamed_to.hex()
    content = _canonical(body)
    return body | {"sha256": hashlib.sha256(content).hexdigest(), "signature": _signature(content, key_file)}


def read(file: Path) -> Receipt:
    """What the receipt in `file` says.

    Raises:
        StoreError: it is none, or was altered.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise StoreError(f"{file} is no receipt of an erasure; those are what prelude store erase writes")
        content = _canonical({name: value for name, value in found.items() if name not in _OUTSIDE})
        if hashlib.sha256(content).hexdigest() != found["sha256"] or not _is_signed(content, found["signature"]):
            raise StoreError(f"the receipt {file} was altered: what it says does not belong to its hash or signature")
        if found["kind"] != "erase":
            raise StoreError(f"{file} is the receipt of a renaming, which can't be done again without the addresses")
        return Receipt(bytes.fromhex(found["person"]), datetime.fromisoformat(found["until"]), str(found["key"]))
    except OSError as error:
        raise StoreError(f"the receipt {file} can't be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{file} is no receipt of an erasure: {error}") from None


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _signature(content: bytes, key_file: str | None) -> dict[str, str] | None:
    path = key_file or os.environ.get(KEY_FILE)
    if not path:
        return None
    key = SigningKey.read(Path(path))
    return {
        "algorithm": "Ed25519",
        "key": key.name,
        "public": base64.b64encode(key.verifier.public).decode(),
        "value": base64.b64encode(key.sign(_message(content))).decode(),
    }


def _is_signed(content: bytes, signature: dict[str, str] | None) -> bool:
    if signature is None:
        return True
    public, value = (base64.b64decode(signature[name]) for name in ("public", "value"))
    return is_signed(public, value, _message(content))


def _message(content: bytes) -> bytes:
    """What is signed: never a checkpoint of the log."""
    return f"{_FORMAT}\n".encode() + content
