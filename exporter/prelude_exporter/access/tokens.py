"""The file of credentials: who may send, and for which services. It holds no secret, only the hashes of tokens.

    # name      services           credential
    billing     billing,invoices   sha256:2c26b46b…
    billing     billing,invoices   sha256:fcde2b2e…   expires:2027-01-31
    collector   *                  certificate:collector.internal
    prometheus  -                  sha256:baa5a096…

``*`` is all services and ``-`` none; a name with a space or a comma in it is percent-encoded. A name may have several lines.
"""

from __future__ import annotations

import hmac
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from prelude_otel.errors import ConfigurationError

__all__ = ["PREFIX", "Credential", "Credentials", "line_for", "new_token", "read_credentials"]

PREFIX: Final = "prelude_"
"""How every token that we make begins, so that scanners for secrets find it."""

_ALL, _NONE = "*", "-"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_FEWEST, _MOST = 3, 4


@dataclass(frozen=True, slots=True)
class Credential:
    """One line of the file.

    Args:
        services: values of ``service.name`` that it may speak for; None: all.
        digest: SHA-256 of the token; empty for a certificate.
        certificate: the name in the client certificate; empty for a token.
        expires: the last day on which it is valid, in UTC.
    """

    name: str
    services: frozenset[str] | None
    digest: bytes = b""
    certificate: str = ""
    expires: date | None = None

    @property
    def expired(self) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and datetime.now(UTC).date() > self.expires


class Credentials:
    """All lines of the file."""

    __slots__ = ("_certificates", "_tokens")

    def __init__(self, credentials: tuple[Credential, ...]) -> None:
        self._tokens = tuple(each for each in credentials if each.digest)
        self._certificates = {each.certificate: each for each in credentials if each.certificate}

    def of_token(self, token: str) -> Credential | None:
        """The credential of `token`. Takes as long whichever it is, or none."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        found = None
        for each in self._tokens:
            if hmac.compare_digest(each.digest, digest):
                found = each
        return found

    def of_certificate(self, names: tuple[str, ...]) -> Credential | None:
        """The credential of a client certificate with these names; the first that the file knows."""
        return next((self._certificates[name] for name in names if name in self._certificates), None)


def new_token() -> str:
    """A token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def line_for(name: str, services: tuple[str, ...], token: str, expires: date | None = None) -> str:
    """The line of the file that lets `token` in.

    Args:
        services: ``("*",)`` for all, none at all for none.

    Raises:
        ConfigurationError: `name` can't stand in the file.
    """
    if not name or quote(name) != name:
        raise ConfigurationError(f"{name!r} is no name for a credential: use letters, digits and any of -._~/")
    said = _ALL if _ALL in services else ",".join(quote(service, safe="/") for service in services) or _NONE
    end = f"  expires:{expires}" if expires else ""
    return f"{name}  {said}  sha256:{sha256(token.encode()).hexdigest()}{end}"


def read_credentials(path: Path, *, certificates: bool) -> Credentials:
    """Read the file.

    Args:
        certificates: whether clients are asked for one at all.

    Raises:
        ConfigurationError: it can't be read, others may write to it, or a line is wrong; the message repeats no credential.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"the tokens file {path} can't be read: {error}") from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigurationError(
            f"others may write to the tokens file {path}, and so let themselves in: chmod go-w {path}"
        )
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            found.append(_credential(words, f"{path}, line {number}", certificates=certificates))
    if not found:
        raise ConfigurationError(f"the tokens file {path} lets nobody in: make a line with prelude exporter token NAME")
    return Credentials(tuple(found))


def _credential(words: list[str], where: str, *, certificates: bool) -> Credential:
    if not _FEWEST <= len(words) <= _MOST:
        raise ConfigurationError(
            f"{where}: write NAME SERVICES sha256:HASH (as prelude exporter token prints it), or NAME SERVICES certificate:NAME"
        )
    name, services, credential = words[:_FEWEST]
    kind, _, value = credential.partition(":")
    expires = _expiry(words[_FEWEST], where) if len(words) == _MOST else None
    allowed = _services(services, where)
    if kind == "sha256" and _HASH.fullmatch(value.lower()):
        return Credential(name, allowed, digest=bytes.fromhex(value), expires=expires)
    if kind == "certificate" and value:
        if not certificates:
            raise ConfigurationError(f"{where}: nobody is asked for a certificate; give --tls-client-ca, too")
        return Credential(name, allowed, certificate=unquote(value), expires=expires)
    raise ConfigurationError(
        f"{where}: the third word is neither sha256: with 64 hexadecimal digits nor certificate: with a name"
    )


def _services(text: str, where: str) -> frozenset[str] | None:
    if text == _ALL:
        return None
    names = frozenset() if text == _NONE else frozenset(unquote(name) for name in text.split(","))
    if "" in names or _ALL in names:
        raise ConfigurationError(f"{where}: {text!r} is no list of services like billing,invoices, nor * (all), nor -")
    return names


def _expiry(text: str, where: str) -> date:
    kind, _, day = text.partition(":")
    try:
        if kind != "expires":
            raise ValueError(text)
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigurationError(f"{where}: the fourth word is not expires:YYYY-MM-DD") from None
