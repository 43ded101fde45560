"""An address as it is looked for: in any case, alone or within a text, plain or percent-encoded, never as part of a longer one."""

from __future__ import annotations

import re
import unicodedata
from itertools import product
from typing import ClassVar, Final
from urllib.parse import quote

from prelude_otel.contract.email import normalise_email
from prelude_otel.errors import StoreError

__all__ = ["Address", "AddressError", "patterns_of"]

_LONGEST: Final = 1000
_SHAPE: Final = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\Z")
_PLAIN: Final = re.compile(r"[a-z0-9._@+-]+\Z")
_PIECES: Final = re.compile(r"[a-z0-9._-]+")
_ALONE: Final = re.compile(r"""[^\s@,;<>():/?=&"%]+@[^\s@,;<>():/?=&"%]+\Z""")
"""A text that is one address, and nothing else."""
_QUOTES: Final = "\"'` \t\n\r"

# What stands before is no part of a local part, unless it is a percent-encoded character of another kind.
_BEFORE: Final = r"(?:(?<![\w.+\-])|(?<=%[0-9a-f]{2})(?<!%2b)(?<!%2e)(?<!%2d)(?<!%5f))"
# x.com is no end of x.com.au or x.com-mail.de; but a suffix of a file's name is none of the domain.
_AFTER: Final = r"(?![^\W_]|-[\w-]*\.\w|\.(?!(?:json|pdf|csv|txt|xml|html?|png|jpe?g|docx?|xlsx?|eml|ics|vcf)\b)[^\W_])"
_ENCODED_AT: Final = ("@", "%40", "%2540")
_ENCODED_PLUS: Final = ("+", "%2b", "%252b")


class AddressError(StoreError):
    """What was given is no address of a person, and no id of one."""


class Address:
    """One person's address.

    Args:
        given: as somebody wrote it.

    Attributes:
        email: as rows have it (ruling 18).
        patterns: alternatives as LIKE has them, with the same meaning as `needles`.
        needles: alternatives, each a list of ASCII texts that all stand, in lower case, in whatever mentions the address. Fit for a
            quick first look; `mentioned` decides.

    Raises:
        AddressError: it is no address; says what one looks like.
    """

    __slots__ = ("_pattern", "email", "needles", "patterns")

    within_texts: ClassVar[bool] = True
    """Whether it is looked for within texts; an `Identifier` is not."""

    def __init__(self, given: str) -> None:
        email = normalise_email(given)
        if email is None or len(email) > _LONGEST or not _SHAPE.match(email):
            shown = given if len(given) <= 100 else f"{given[:100]}…"  # noqa: PLR2004
            raise AddressError(f"{shown!r} is no address of a person; it looks like ada@company.com")
        self.email: Final = email
        self.needles: Final = _needles(email)
        self.patterns: Final = patterns_of(self.needles)
        spelled = "".join(_spelled(character) for character in email)
        self._pattern = re.compile(f"{_BEFORE}{spelled}{_AFTER}", re.IGNORECASE)

    def __repr__(self) -> str:
        return "Address(…)"  # whoever logs it logs no personal data

    def mentioned(self, text: str) -> bool:
        """Whether `text` names the address."""
        text = _composed(text)
        return not self._another(text) and self._pattern.search(text) is not None

    def replaced(self, text: str, by: str) -> str:
        """`text` with `by` for each mention; the same object where there is none."""
        composed = _composed(text)
        if self._another(composed):
            return text
        changed, count = self._pattern.subn(lambda found: _like(found.group(), by), composed)
        return changed if count else text

    def _another(self, text: str) -> bool:
        """Whether `text` is just an address, and another one, such as o'neil@x.com for neil@x.com."""
        alone = text.strip(_QUOTES)
        return (
            len(alone) <= _LONGEST
            and _ALONE.match(alone) is not None
            and normalise_email(alone) != self.email
            and (self._pattern.fullmatch(alone) is None and not _suffixed(alone.lower(), self.email))
        )


def patterns_of(needles: list[list[str]]) -> list[str]:
    """Alternatives, each a list of texts that all stand in what is looked for, as LIKE has them."""
    return [f"%{'%'.join(map(_literally, alternative))}%" for alternative in needles]


def _suffixed(text: str, email: str) -> bool:
    """A text such as ``ada@x.com-17``: ours, with something behind it that is no domain."""
    return text.startswith(email)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _spelled(character: str) -> str:
    """A pattern of `character` as it is, or percent-encoded, once or more often."""
    if character.isascii() and (character.isalnum() or character in "._-~"):
        return re.escape(character)
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode())
    return f"(?:{re.escape(character)}|{encoded})"


def _like(found: str, by: str) -> str:
    """`by`, percent-encoded where what was `found` is."""
    return quote(by, safe="") if "%" in found and "@" not in found else by


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _needles(email: str) -> list[list[str]]:
    if _PLAIN.match(email):
        options = [{"@": _ENCODED_AT, "+": _ENCODED_PLUS}.get(character, (character,)) for character in email]
        return [["".join(spelled)] for spelled in product(*options)] if email.count("+") <= 1 else _parts(email)
    return _parts(email)


def _parts(email: str) -> list[list[str]]:
    return [_PIECES.findall(email)]
