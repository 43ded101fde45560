"""Passwords, tokens and cookies taken out of text that is about to be shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["masked"]

_SECRETS: Final = (
    (re.compile(r"(://[^\s:/@]*):\S*@"), r"\1:***@"),
    (re.compile(r"(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bbearer(?:\s|%20)+)\S+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bprelude_session=)[^\s;,'\"]+"), r"\1***"),  # the cookie of a browser
    (re.compile(r"(prelude_a_[a-z2-7]{10}_)[A-Za-z0-9_-]{20,}"), r"\1***"),  # a token of analytics; its id is no secret
    (re.compile(r"(?<![A-Za-z0-9_])(prelude_)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"), r"\1***"),  # a token of a sender
)


def masked(text: str) -> str:
    """`text` without what may be secret in URLs, connection strings and headers, and without our own tokens wherever they stand."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
