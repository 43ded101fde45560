"""Into the quarantine: an entry is a record with its reason and its bytes, and is kept once, however often it comes."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from prelude_store.row import ActivityRow, Payload, Quarantined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection

__all__ = ["ROW_SIGNAL", "entry_hash", "insert", "quarantined_row", "storable"]

ROW_SIGNAL: Final = "row"
"""Signal of an entry whose payload is a row as JSON, since the bytes that it came in are gone."""

# Sorted, so that two writers with the same entries do not wait for each other in a circle.
_INSERT: Final = """
INSERT INTO public.activity_quarantine (signal, reason, detail, payload, payload_hash)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::bytea[]) AS entry (signal, reason, detail, payload, hash)
ORDER BY hash
ON CONFLICT DO NOTHING
"""


def insert(connection: Connection, entries: Sequence[Quarantined]) -> int:
    """Keep `entries`; gives how many were not there yet."""
    if not entries:
        return 0
    columns = [[storable(entry[field]) for entry in entries] for field in range(3)]
    payloads = [entry.payload for entry in entries]
    hashes = [entry_hash(entry) for entry in entries]
    return connection.execute(_INSERT, [*columns, payloads, hashes]).rowcount


def quarantined_row(row: Any, payload: Payload | None, reason: str, detail: str) -> Quarantined:
    """The entry for a row that was refused: the bytes it came in where they are known, else the row as JSON.

    Args:
        row: an `ActivityRow`, or whatever a fault of ours has made of one.
    """
    if payload is not None:
        return Quarantined(payload.signal, reason, detail, payload.content)
    if not isinstance(row, ActivityRow):
        return Quarantined(ROW_SIGNAL, reason, detail, repr(row).encode("utf-8", "replace"))
    digest = row.content_hash
    fields: dict[str, Any] = row._asdict() | {
        "content_hash": digest.hex() if isinstance(digest, bytes) else repr(digest)
    }
    return Quarantined(ROW_SIGNAL, reason, detail, json.dumps(fields, default=repr).encode())


def entry_hash(entry: Quarantined) -> bytes:
    """What makes an entry the same as another: signal, reason and bytes."""
    # The reason belongs to it: one record may be refused today for its status, and tomorrow for its time.
    digest = blake2b(entry.payload, digest_size=16, person=b"quarantine")
    digest.update(f"\0{entry.signal}\0{entry.reason}".encode("utf-8", "replace"))
    return digest.digest()


def storable(text: Any) -> str:
    """`text` as PostgreSQL takes it."""
    return str(text).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
