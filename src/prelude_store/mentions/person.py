"""A person as rows have them: by an address, or by an id of the service's own."""

from __future__ import annotations

from typing import TypeAlias

from prelude_store.mentions.address import Address
from prelude_store.mentions.identifier import Identifier

__all__ = ["Person", "person_of"]

Person: TypeAlias = Address | Identifier


def person_of(given: str) -> Person:
    """Whom somebody means who wrote `given`: with an @ it is an address.

    Raises:
        AddressError: it is neither; says what they look like.
    """
    return Address(given) if "@" in given else Identifier(given)
