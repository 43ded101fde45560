"""A user whose service gives an id instead of an address, as it is looked for: as a whole value, never within a text.

An id such as ``42`` stands in many a text that means something else. So it names its person as the acting user, and as the whole value of a
field that is personal, by the catalogue or by the row itself; nowhere else.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from prelude_otel.contract.email import normalise_email
from prelude_store.mentions.address import AddressError, patterns_of

__all__ = ["Identifier"]

_LONGEST: Final = 1000
_PIECES: Final = re.compile(r"[a-z0-9._-]+")


class Identifier:
    """One person's id.

    Args:
        given: as somebody wrote it.

    Attributes:
        email: as rows have it, in the column of that name; in lower case, as an address.
        patterns: as those of an `Address`: whatever holds the id fits one, and much else.
        needles: likewise.

    Raises:
        AddressError: it is none.
    """

    __slots__ = ("email", "needles", "patterns")

    within_texts: ClassVar[bool] = False

    def __init__(self, given: str) -> None:
        email = normalise_email(given)
        if email is None or len(email) > _LONGEST or "@" in email or not email.isprintable():
            shown = given if len(given) <= 100 else f"{given[:100]}…"  # noqa: PLR2004
            raise AddressError(
                f"{shown!r} is no address of a person, and no id; one looks like ada@company.com, the other has no @ in it"
            )
        self.email: Final = email
        # What is not plain may stand otherwise in JSON: then all is looked at.
        self.needles: Final = [_PIECES.findall(email) or [""]]
        self.patterns: Final = patterns_of(self.needles)

    def __repr__(self) -> str:
        return "Identifier(…)"  # whoever logs it logs no personal data

    def mentioned(self, text: str) -> bool:
        """Whether `text` is the id, and nothing else."""
        return normalise_email(text) == self.email

    def replaced(self, text: str, by: str) -> str:
        """`by` where `text` is the id; else the same object."""
        return by if self.mentioned(text) else text
