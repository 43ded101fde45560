"""Passwords and tokens taken out of text that is about to be shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["masked"]

_SECRETS: Final = (
    (re.compile(r"(://[^\s:/@]*):\S*@"), r"\1:***@"),
    (re.compile(r"(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bbearer(?:\s|%20)+)\S+", re.IGNORECASE), r"\1***"),
)


def masked(text: str) -> str:
    """`text` without what may be secret in URLs, connection strings and headers."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
