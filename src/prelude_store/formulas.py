"""Texts that a spreadsheet would take for a formula: every CSV that leaves this house is looked at, in Python or in the database."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SQL_FORMULA", "SQL_HARMLESS", "defused"]

_UNSEEN: Final = "\\s\\u0001-\\u001f\\u00a0\\u200b-\\u200f\\u2060\\u3000\\ufeff"
_SIGNS: Final = "=+\\-@＝＋－＠"
_FORMULA: Final = re.compile(f"[{_UNSEEN}\\x00]*[{_SIGNS}]|[\\t\\r\\n]")
"""Beginnings that a spreadsheet takes for a formula: wide forms among them, and what it may not see before one."""

SQL_FORMULA: Final = f"^[{_UNSEEN}]*[{_SIGNS}]|^[\\t\\r\\n]"
"""The same for the operator ``~``."""
SQL_HARMLESS: Final = "^[0-9A-Za-z/{]"
"""What most texts begin with: asked first, since it costs less."""


def defused(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
