"""People in acts: a keyed hash stands for the address, so that what is kept for ever names nobody."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from prelude_otel.contract.email import normalise_email
from prelude_otel.errors import StoreError

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["person_hash", "person_key"]


def person_key(connection: Connection) -> bytes:
    """The key of this database, 32 bytes; for members of ``prelude_governor`` and ``prelude_writer``."""
    row = connection.execute("SELECT key FROM public.governance_keys WHERE name = 'person'").fetchone()
    if row is None:
        raise StoreError(
            "governance_keys has no key 'person', so no person can be told from another; restore it from a backup"
        )
    return bytes(row[0])


def person_hash(key: bytes, address: str) -> bytes:
    """HMAC-SHA-256 of the normalised `address` under `key`, 32 bytes.

    Raises:
        ValueError: nothing is left of `address`.
    """
    normal = normalise_email(address)
    if normal is None:
        raise ValueError(f"{address!r} is no address of anybody")
    return hmac.new(key, normal.encode(), hashlib.sha256).digest()
