"""Text that UTF-8 can hold."""

from __future__ import annotations

__all__ = ["well_formed"]


def well_formed(text: str) -> str:
    """The same with a question mark for each lone surrogate: over one of them an exporter would lose its whole batch."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
