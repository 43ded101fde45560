"""One form of an address, so that one person is one user (ruling 18)."""

from __future__ import annotations

import unicodedata

from prelude_otel.contract.text import well_formed

__all__ = ["normalise_email"]


def normalise_email(address: str) -> str | None:
    """Trim, compose (NFC) and lower an address.

    Returns None where nothing is left. Nothing is refused: an odd address is still who the service says it was.
    """
    address = well_formed(address).strip().lower()
    if not address.isascii():
        # Composed before and after, since lowering may take a letter apart.
        address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address).lower())
    return address or None
