"""Records of the quarantine try again to become rows, by the same way as any other record.

An entry is marked as replayed after its row is committed. A crash between the two, or two replays at once, make no second row:
the row is found by its id and time like that of any resend.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from prelude_store.batch import Batch
from prelude_store.quarantine.entries import sizes
from prelude_store.quarantine.keep import entry_hash, storable
from prelude_store.quarantine.reader import Reader, UnreadableError
from prelude_store.row import Payload, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable

    from prelude_store.connection import Connection
    from prelude_store.quarantine.entries import Selection
    from prelude_store.writer import Writer

__all__ = ["NO_RECORDS", "Replayed", "replay"]

_PORTION: Final = 200
_PORTION_BYTES: Final = 16 * 1024 * 1024
NO_RECORDS: Final = frozenset({"request_too_large"})
"""Reasons of entries that hold no record, but the beginning of something."""

_TAKE: Final = """
SELECT id, signal, reason, payload FROM public.activity_quarantine
WHERE id = ANY (%s) AND replayed_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED
"""
_DONE: Final = "UPDATE public.activity_quarantine SET replayed_at = now() WHERE id = ANY (%s)"
# Another entry may have the bytes and the new reason already: then this one keeps the hash that it has.
_STAYS: Final = """
UPDATE public.activity_quarantine AS entry SET reason = %(reason)s, detail = %(detail)s,
    payload_hash = CASE WHEN EXISTS (
        SELECT FROM public.activity_quarantine AS other WHERE other.payload_hash = %(hash)s AND other.id <> entry.id
    ) THEN entry.payload_hash ELSE %(hash)s END
WHERE id = %(id)s
"""


@dataclass(slots=True)
class Replayed:
    """What became of the entries.

    Attributes:
        rows: entries whose record is a row now.
        known: entries whose row was there already, with the same content.
        stayed: entries that can't become a row, by their reason now.
        unreadable: entries whose bytes are no record.
        erased: entries of people who were erased since; their record is not written.
    """

    rows: int = 0
    known: int = 0
    stayed: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    erased: int = 0


@dataclass(slots=True)
class _Portion:
    """Entries that are tried together."""

    batches: dict[int, Batch] = field(default_factory=dict)
    payloads: dict[int, Payload] = field(default_factory=dict)
    refused: dict[int, Quarantined] = field(default_factory=dict)


def replay(
    connection: Connection,
    writer: Writer,
    reader: Reader,
    selection: Selection,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
) -> Replayed:
    """Try all of `selection` again, oldest first.

    Args:
        connection: of a login that may read and mark entries (``prelude_governor``); in autocommit mode.
        writer: of a login that may write rows (``prelude_writer``).
        limit: so many entries at most.
        dry_run: only say what would become of them: nothing is written, so what only the database knows (other content under a
            known id) is not found.
        progress: told how many entries of each portion are done.

    Raises:
        StoreUnavailableError: the database went away; what was done stays done.
    """
    outcome = Replayed()
    after, left = 0, limit
    while left is None or left > 0:
        found = sizes(connection, selection, after=after, limit=_PORTION if left is None else min(_PORTION, left))
        ids = _within(found)
        if not ids:
            return outcome
        after = ids[-1]
        left = None if left is None else left - len(ids)
        with connection.transaction():
            _try(connection, writer, _read(connection, reader, ids, outcome), outcome, dry_run=dry_run)
        progress(len(ids))
    return outcome


def _within(found: list[tuple[int, int]]) -> list[int]:
    ids: list[int] = []
    size = 0
    for number, its_size in found:
        size += its_size
        if ids and size > _PORTION_BYTES:
            break
        ids.append(number)
    return ids


def _read(connection: Connection, reader: Reader, ids: list[int], outcome: Replayed) -> _Portion:
    portion = _Portion()
    for number, signal, reason, payload in connection.execute(_TAKE, [ids]).fetchall():
        if reason in NO_RECORDS:
            outcome.unreadable += 1
            continue
        try:
            batch = reader.batch(signal, payload)
        except UnreadableError:
            outcome.unreadable += 1
            continue
        if batch.quarantined:
            portion.refused[number] = batch.quarantined[0]._replace(signal=signal, payload=payload)
        elif batch.rows or batch.probes:
            portion.batches[number] = batch
            portion.payloads[number] = Payload(signal, payload)
        else:
            outcome.unreadable += 1
    return portion


def _try(connection: Connection, writer: Writer, portion: _Portion, outcome: Replayed, *, dry_run: bool) -> None:
    write = writer.foresee if dry_run else writer.offer
    landed: list[int] = []
    result, refused = write(_union(portion, list(portion.batches)))
    known = result.duplicates
    by_bytes = {entry.payload: entry for entry in refused}
    if by_bytes.keys() <= {payload.content for payload in portion.payloads.values()}:
        for number, payload in portion.payloads.items():
            if payload.content in by_bytes:
                portion.refused[number] = by_bytes[payload.content]
            else:
                landed.append(number)
    else:  # something without bytes of its own, such as a probe: one after the other tells whose it was
        for number, payload in portion.payloads.items():
            _, entries = write(_union(portion, [number]))
            if entries:
                portion.refused[number] = entries[0]._replace(signal=payload.signal, payload=payload.content)
            else:
                landed.append(number)
    outcome.known += known
    outcome.erased += result.erased
    outcome.rows += max(len(landed) - known - result.erased, 0)
    outcome.stayed.update(entry.reason for entry in portion.refused.values())
    if dry_run:
        return
    connection.execute(_DONE, [landed])
    for number, entry in portion.refused.items():
        _stays(connection, number, entry)


def _union(portion: _Portion, numbers: list[int]) -> Batch:
    union, payloads = Batch(), []
    for number in numbers:
        batch = portion.batches[number]
        union.rows += batch.rows
        union.spans += batch.spans
        union.probes += batch.probes
        payloads += [portion.payloads[number]] * len(batch.rows)
    union.payloads = payloads
    return union


def _stays(connection: Connection, number: int, entry: Quarantined) -> None:
    values: dict[str, Any] = {
        "id": number,
        "reason": storable(entry.reason),
        "detail": storable(entry.detail),
        "hash": entry_hash(entry),
    }
    try:
        with connection.transaction():
            connection.execute(_STAYS, values)
    except psycopg.errors.UniqueViolation:  # the same record came in again in this moment
        connection.execute(
            "UPDATE public.activity_quarantine SET reason = %(reason)s, detail = %(detail)s WHERE id = %(id)s", values
        )
