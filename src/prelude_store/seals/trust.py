"""Which keys may have signed: those that one was given, and those that they handed on to (acts of kind ``key``)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from prelude_store.seals.keys import SigningKey, is_signed
from prelude_store.seals.notes import NoteError, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["handed_on", "handing_over"]

_MESSAGE: Final = "prelude-otel/seal-key/v1\n{old}\n{new}\n"


def handing_over(old: SigningKey, new: SigningKey) -> dict[str, str]:
    """The detail of an act by which `new` follows `old`: both sign it."""
    message = _MESSAGE.format(old=old.verifier, new=new.verifier).encode()
    return {
        "old": str(old.verifier),
        "new": str(new.verifier),
        "old_signature": base64.b64encode(old.sign(message)).decode(),
        "new_signature": base64.b64encode(new.sign(message)).decode(),
    }


def handed_on(keys: Iterable[VerifierKey], acts: Iterable[Mapping[str, Any]]) -> list[VerifierKey]:
    """`keys`, and those that follow them by `acts` (details, oldest first) that both halves have signed."""
    trusted = list(keys)
    for detail in acts:
        try:
            old, new = VerifierKey.parse(str(detail["old"])), VerifierKey.parse(str(detail["new"]))
            signatures = [
                base64.b64decode(str(detail[name]), validate=True) for name in ("old_signature", "new_signature")
            ]
        except (KeyError, NoteError, binascii.Error):
            continue
        message = _MESSAGE.format(old=old, new=new).encode()
        if (
            old in trusted
            and new not in trusted
            and is_signed(old.public, signatures[0], message)
            and is_signed(new.public, signatures[1], message)
        ):
            trusted.append(new)
    return trusted
