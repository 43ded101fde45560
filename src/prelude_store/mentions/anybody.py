"""Every address that stands in a text, whoever's it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from prelude_otel.contract.email import normalise_email

__all__ = ["MARKS", "SOMEBODY", "addresses"]

MARKS: Final = ("@", "%40", "%2540")
"""What a text holds that names somebody; one of them."""

_LOCAL: Final = r"""[^\s"<>(){}\[\],;:\\|/?=&@\x00-\x1f]"""
# Wide: whatever is around an address is cut off again, by and by. It begins where a word does, or behind another address, with a percent
# sign: tried at each letter of a long word without an address, it would take the square of its length.
SOMEBODY: Final = re.compile(
    rf"""(?:(?<!{_LOCAL}){_LOCAL}+|%{_LOCAL}{{,1000}})(?:@|%(?:25)*40)[^\s"<>(){{}}\[\],;:\\|/?=&@%\x00-\x1f]+""",
    re.IGNORECASE,
)
_QUOTES: Final = "'`"
_ENDS: Final = "'`.-_"


def addresses(text: str) -> Iterator[str]:
    """What may be an address in `text`, as rows have it; with and without what may be no part of it."""
    for found in SOMEBODY.findall(text):
        plain = found
        while "%" in plain and (decoded := unquote(plain)) != plain:
            plain = decoded
        for one in SOMEBODY.findall(plain) or [plain]:
            email = normalise_email(one.strip(_QUOTES))
            if email is not None:
                yield from _readings(email)


def _readings(email: str) -> Iterator[str]:
    yield email
    local, _, domain = email.rpartition("@")
    short = domain.rstrip(_ENDS)
    if short != domain:
        yield f"{local}@{short}"
    for end in ("_", "-"):  # ada@x.com-17 and ada@x.com_17 name ada@x.com
        if end in short:
            yield f"{local}@{short.split(end, 1)[0]}"
