"""A log as a file that can be checked without the database: leaves with what they are of, checkpoints and keys. docs/seals.md has the format.

What has changed since it was sealed is written beside what was; whether that is lawful is for the verifier to say.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from prelude_otel.errors import StoreError
from prelude_store.native import native
from prelude_store.seals import comparing, reading
from prelude_store.seals.leaves import CLASS_NAMES, leaves_at, uuid_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prelude_store.connection import Connection
    from prelude_store.seals.leaves import Block, Leaf
    from prelude_store.seals.reading import Change, Content, Place, Range, Row

__all__ = ["FORMAT", "write_bundle"]

FORMAT: Final = 1
_dump: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STATE: Final = "SELECT origin, size FROM public.seal_state"
_LANES: Final = "SELECT lane, last_seq FROM public.ingest_lanes ORDER BY lane"
_PORTION: Final = 20_000
_CHECKPOINTS: Final = "SELECT note FROM public.seal_checkpoints WHERE size <= %s ORDER BY size"
_KEYS: Final = "SELECT vkey FROM public.seal_keys ORDER BY id"


def write_bundle(
    connection: Connection, file: IO[str], progress: Callable[[int, int], None] = lambda _done, _all: None
) -> dict[str, Any]:
    """Write all leaves, in one snapshot; gives the counts of its last line.

    Args:
        connection: of `sealer.connected`.
        progress: told leaves done and leaves in all.

    Raises:
        StoreError: nothing was sealed yet.
    """
    if connection.info.transaction_status is TransactionStatus.IDLE:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        origin, size = connection.execute(_STATE).fetchall()[0]
        if origin is None or not size:
            raise StoreError("nothing is sealed yet: run prelude store seal run, or prelude analytics with a seal key")
        made = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(f"{_dump({'prelude-seals': FORMAT, 'origin': origin, 'size': size, 'made_at': made})}\n")
        counts = {"leaves": 0, "extra": 0, "unsealed": 0, "checkpoints": 0, "keys": 0}
        covered: dict[int, int] = {}
        batch_size = reading.BatchSize()
        for batch in reading.blocks(connection, size=batch_size):
            ordered = reading.in_order(batch, covered)
            last = {block.lane: block.numbers()[-1] for block in batch}
            ranges = [(lane, covered.get(lane, 0) + 1, seq) for lane, seq in sorted(last.items())]
            covered |= last
            there = _write_leaves(connection, file, batch, ranges, ordered is not None, batch_size)
            for line in _extra(there):
                file.write(f"{_dump(line)}\n")
                counts["extra"] += 1
            counts["leaves"] += sum(block.leaf_count for block in batch)
            progress(counts["leaves"], max(size, counts["leaves"]))
        for line in _unsealed(connection, covered):
            file.write(f"{_dump({'unsealed': line})}\n")
            counts["unsealed"] += 1
        for name, question, given in (("checkpoint", _CHECKPOINTS, [counts["leaves"]]), ("key", _KEYS, [])):
            for (text,) in connection.execute(question.encode(), given).fetchall():
                file.write(f"{_dump({name: text})}\n")
                counts[f"{name}s"] += 1
        file.write(f"{_dump({'end': counts})}\n")
    return counts


def _write_leaves(
    connection: Connection,
    file: IO[str],
    batch: Sequence[Block],
    ranges: Sequence[Range],
    ordered: bool,
    size: reading.BatchSize,
) -> Content:
    """Write the lines of the leaves of `batch`; gives what stands among them and belongs to none."""
    changes = reading.changes_of(connection, ranges)
    leaf_count = sum(block.leaf_count for block in batch)
    module = native().module if ordered else None
    entries = reading.packed(connection, ranges) if module is not None else []
    written = module.bundle_lines(batch, entries, set(changes)) if module is not None else None
    pieces: list[tuple[str, int]] | None
    pieces, rest, places = written or (None, "", [])
    if pieces is None:
        leaves = reading.leaves_of(batch)
        there = reading.content(connection, ranges)
        size.weighed(leaf_count, reading.weight(there))
    else:
        size.weighed(leaf_count, reading.packed_weight(entries))
        numbered = leaves_at(batch, {at for _, at in pieces})
        leaves = [numbered[at] for _, at in pieces]
        there = reading.content(connection, reading.stretches({*places, *((leaf.lane, leaf.seq) for leaf in leaves)}))
    lengths = reading.lengths(connection, [(leaf.event_id, leaf.at) for leaf in leaves if leaf.kind == "a"])
    for leaf, (before, _) in zip(leaves, pieces or itertools.repeat(("", 0)), strict=False):
        file.write(f"{before}{_dump(_line(leaf, there, changes, lengths))}\n")
    file.write(rest)
    return there


def _line(
    leaf: Leaf, there: Content, changes: dict[Place, list[Change]], lengths: dict[tuple[bytes, int], int | None]
) -> list[Any]:
    place = (leaf.lane, leaf.seq)
    event_id = None if leaf.kind == "g" else uuid_text(leaf.event_id)
    head = [leaf.kind, leaf.lane, leaf.seq, event_id, leaf.at, leaf.body.hex()]
    row = _taken(there, leaf)
    if row is None:
        return head
    if leaf.kind == "r":
        return head + _of_row(leaf, row, changes.get(place, ()))
    text = row.clear.decode()
    if leaf.kind == "a":
        now = lengths.get((leaf.event_id, leaf.at), -1)
        return [*head, text, now]
    if leaf.kind == "c":
        return [*head, text, row.salt and row.salt.hex()]
    return [*head, text]


def _of_row(leaf: Leaf, row: Row, changes: Sequence[Change]) -> list[Any]:
    committed: Sequence[bytes] = comparing.commitments(row, leaf.salts)
    if changes:
        committed, _ = comparing.explained(row, leaf, changes)
    changed = {change.class_name for change in changes if change.before is not None}
    length, late = comparing.length_text(row.duration_ms), []
    if (
        row.duration_ms is not None
        and comparing.body_of_row(row.clear, length, committed) != leaf.body
        and comparing.body_of_row(row.clear, comparing.NO_LENGTH, committed) == leaf.body
    ):
        length, late = comparing.NO_LENGTH, [row.duration_ms]
    parts: list[Any] = []
    for at, name in enumerate(CLASS_NAMES):
        text = getattr(row, name)
        now = None if text is None else text.decode()
        if name in changed:
            parts.append([committed[at].hex(), "now", now])
        else:
            parts.append(None if now is None else [leaf.salts[16 * at : 16 * at + 16].hex(), now])
    return [(row.clear + length).decode(), *parts, *late]


def _taken(there: Content, leaf: Leaf) -> Row | None:
    rows = there.get(leaf.kind, {}).get((leaf.lane, leaf.seq), [])
    for at, row in enumerate(rows):
        if (row.event_id, row.at) == (leaf.event_id, leaf.at):
            return rows.pop(at)
    return None


def _extra(there: Content) -> Iterator[list[Any]]:
    """What stands among sealed entries, and was never sealed."""
    for kind, places in there.items():
        for (lane, seq), rows in places.items():
            for row in rows:
                yield ["i", lane, seq, uuid_text(row.event_id), row.at, kind]


def _unsealed(connection: Connection, covered: dict[int, int]) -> Iterator[list[Any]]:
    """What was committed since, but rows: rows before it may differ by it already."""
    for lane, last in connection.execute(_LANES).fetchall():
        for first in range(covered.get(lane, 0) + 1, last + 1, _PORTION):
            there = reading.content(connection, [(lane, first, min(first + _PORTION - 1, last))], rows=False)
            for kind, places in there.items():
                for (_, seq), entries in places.items():
                    for one in entries:
                        event_id = None if kind == "g" else uuid_text(one.event_id)
                        yield [kind, lane, seq, event_id, one.at, one.clear.decode()]
