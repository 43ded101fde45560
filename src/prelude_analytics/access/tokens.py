"""What credentials look like: a public id to find them by, and 256 random bits, of which only a hash is kept."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

__all__ = ["PREFIX", "Credential", "Made", "holds_token", "make", "matches", "read_cookie", "read_token"]

PREFIX: Final = "prelude_a_"
"""How a token of the analytics side begins; tokens of senders begin with ``prelude_`` alone."""

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID: Final = r"(?P<id>[a-z2-7]{10})"
_SECRET: Final = r"[A-Za-z0-9_-]{43}"  # noqa: S105 (a pattern)
_TOKEN: Final = re.compile(f"{PREFIX}{_ID}_{_SECRET}")
_COOKIE: Final = re.compile(f"{_ID}[.]{_SECRET}")
_NOTHING: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Credential:
    """A token or a cookie as somebody showed it.

    Attributes:
        id: under which the database has it.
        digest: SHA-256 of the whole.
    """

    id: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A new credential; `secret` is shown to its holder once, and kept nowhere."""

    id: str
    secret: str = field(repr=False)
    digest: bytes = field(repr=False)


def make(*, cookie: bool = False) -> Made:
    """A new token, or the value of a new cookie."""
    identity = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    random = secrets.token_urlsafe(32)
    secret = f"{identity}.{random}" if cookie else f"{PREFIX}{identity}_{random}"
    return Made(identity, secret, _digest(secret))


def read_token(text: str) -> Credential | None:
    """The token in `text`; None where it has not the form of one."""
    return _read(_TOKEN, text)


def read_cookie(text: str) -> Credential | None:
    """The session in the value of a cookie; None where it has not the form of one."""
    return _read(_COOKIE, text)


def holds_token(text: str) -> bool:
    """Whether something that has the form of a token stands anywhere in `text`."""
    return _TOKEN.search(text) is not None


def matches(shown: Credential, kept: bytes | None) -> bool:
    """Whether what was shown is what is kept. Takes as long whichever it is, or none."""
    equal = hmac.compare_digest(shown.digest, bytes(kept) if kept is not None else _NOTHING)
    return equal and kept is not None


def _read(form: re.Pattern[str], text: str) -> Credential | None:
    found = form.fullmatch(text)
    return Credential(found["id"], _digest(text)) if found else None


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
