"""Proof that one row is in the log: the path from its leaf to a signed root, which others can check without the log."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.errors import StoreError
from prelude_store.seals import comparing, reading
from prelude_store.seals.leaves import BLOCK_COLUMNS, CLASS_NAMES, Block, uuid_text
from prelude_store.seals.merkle import HASH_BYTES, TILE_HEIGHT, Frontier, inclusion, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.seals.leaves import Leaf
    from prelude_store.seals.reading import Row

__all__ = ["prove"]

_V7: Final = 7
# The time in a UUID of version 7 spares a look into every week.
_FIND: Final = """
SELECT lane, lane_seq FROM public.user_activity_logs
WHERE event_id = %s AND "timestamp" >= to_timestamp(%s) AND "timestamp" < to_timestamp(%s) ORDER BY "timestamp" LIMIT 1
"""
# Other ids are looked for in the leaves, which hold 16 bytes of each row, and in what is not sealed yet.
_BLOCKS: Final = (
    f"SELECT {BLOCK_COLUMNS} FROM public.seal_blocks WHERE position(%b::bytea IN event_ids) > 0 ORDER BY first_leaf"  # noqa: S608 (constants)
)
_UNSEALED: Final = """
SELECT 1 FROM public.ingest_lanes LEFT JOIN public.seal_cursors USING (lane)
JOIN public.user_activity_logs AS log ON log.lane = ingest_lanes.lane AND log.lane_seq > coalesce(seq, 0)
WHERE log.event_id = %s LIMIT 1
"""
_BLOCK: Final = (
    f"SELECT {BLOCK_COLUMNS} FROM public.seal_blocks WHERE lane = %s AND last_seq >= %s ORDER BY last_seq LIMIT 1"  # noqa: S608 (constants)
)
_COVERING: Final = f"SELECT {BLOCK_COLUMNS} FROM public.seal_blocks WHERE first_leaf > %s - 256 AND first_leaf < %s ORDER BY first_leaf"  # noqa: S608 (constants)
_NEWEST: Final = "SELECT size, note FROM public.seal_checkpoints ORDER BY size DESC LIMIT 1"
_HASHES: Final = "SELECT hashes FROM public.seal_tiles WHERE level = %s AND tile = %s"


def prove(connection: Connection, event_id: UUID) -> dict[str, Any]:
    """The proof for the row with this id, fit for JSON; docs/seals.md tells what it holds.

    Args:
        connection: of `sealer.connected`.
        event_id: a UUIDv7 tells its time, and is found at once; for any other all leaves are looked through.

    Raises:
        StoreError: no such row, or it is not sealed yet, or is not what was sealed.
    """
    with connection.transaction():
        leaf, row = _row_of(connection, _leaves_of(connection, event_id), event_id)
        lane, seq = leaf.lane, leaf.seq
        newest = connection.execute(_NEWEST).fetchone()
        if newest is None or newest[0] <= leaf.number:
            raise StoreError(f"event {event_id} is sealed, and no checkpoint covers it yet; try again in a second")
        size, note = newest
        path = inclusion(leaf.number, size, partial(_root, connection))
        changes = reading.changes_of(connection, [(lane, seq, seq)]).get((lane, seq), [])
    committed, _ = comparing.explained(row, leaf, changes)
    length = next(
        (
            text
            for text in (comparing.length_text(row.duration_ms), comparing.NO_LENGTH)
            if comparing.body_of_row(row.clear, text, committed) == leaf.body
        ),
        None,
    )
    if length is None:
        raise StoreError(f"event {event_id} is not what was sealed; run: prelude store verify")
    changed = {change.class_name for change in changes if change.before is not None}
    return {
        "kind": "prelude-otel/inclusion/v1",
        "row": {
            "event_id": uuid_text(leaf.event_id), "at": leaf.at, "lane": lane, "lane_seq": seq,
            "clear": (row.clear + length).decode(),
            **{
                name: _disclosed(getattr(row, name), committed[at], leaf.salts[16 * at : 16 * at + 16], name in changed)
                for at, name in enumerate(CLASS_NAMES)
            },
        },
        "leaf": leaf.number,
        "path": [base64.b64encode(one).decode() for one in path],
        "checkpoint": note,
    }  # fmt: skip


def _disclosed(text: bytes | None, committed: bytes, salt: bytes, changed: bool) -> Any:
    if changed:
        return {"commitment": committed.hex()}
    return None if text is None else {"text": text.decode(), "salt": salt.hex()}


def _leaves_of(connection: Connection, event_id: UUID) -> list[Leaf]:
    if event_id.version == _V7:
        second = (event_id.int >> 80) / 1000
        row = connection.execute(_FIND, [event_id, second - 1, second + 1]).fetchone()
        if row is not None:
            leaf = _leaf(connection, *row)
            return [leaf] if leaf is not None else []
    with connection.cursor(binary=True) as cursor:
        blocks = [Block(*row) for row in cursor.execute(_BLOCKS, [event_id.bytes])]
    return [leaf for leaf in reading.leaves_of(blocks) if (leaf.kind, leaf.event_id) == ("r", event_id.bytes)]


def _row_of(connection: Connection, leaves: Sequence[Leaf], event_id: UUID) -> tuple[Leaf, Row]:
    """The first of `leaves` whose row is there."""
    for leaf in leaves:
        place = (leaf.lane, leaf.seq)
        for row in reading.content(connection, [(*place, leaf.seq)])["r"].get(place, ()):
            if row.event_id == leaf.event_id:
                return leaf, row
    if connection.execute(_UNSEALED, [event_id]).fetchone() is not None:
        raise StoreError(f"event {event_id} is not sealed yet; see prelude store seal status")
    raise StoreError(f"the log has no event {event_id}; see prelude store verify for what was removed")


def _leaf(connection: Connection, lane: int, seq: int) -> Leaf | None:
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(_BLOCK, [lane, seq]).fetchone()
    return next((leaf for leaf in Block(*row).leaves() if leaf.seq == seq), None) if row else None


def _root(connection: Connection, start: int, end: int) -> bytes:
    """Of leaves `start` until before `end`."""
    tree = Frontier()
    at = start
    while at < end:
        # As large a full subtree as begins here; kept ones at their heights, the last few leaves from their blocks.
        height = min((at & -at).bit_length() - 1 if at else 62, (end - at).bit_length() - 1)
        level = height // TILE_HEIGHT
        width = 1 << TILE_HEIGHT * level
        count = min((end - at) // width, (1 << TILE_HEIGHT) - (at // width) % (1 << TILE_HEIGHT))
        count = 1 << min(count.bit_length() - 1, height - TILE_HEIGHT * level)
        hashes = _level(connection, level, at // width, count)
        tree.append_nodes(hashes, TILE_HEIGHT * level)
        at += count * width
    return tree.root()


def _level(connection: Connection, level: int, first: int, count: int) -> bytes:
    if level == 0:
        with connection.cursor(binary=True) as cursor:
            blocks = [Block(*row) for row in cursor.execute(_COVERING, [first, first + count])]
        leaves = [leaf for leaf in reading.leaves_of(blocks) if first <= leaf.number < first + count]
        return b"".join(leaf_hash(leaf.head, leaf.body) for leaf in leaves)
    row = connection.execute(_HASHES, [level, first >> TILE_HEIGHT]).fetchone()
    offset = HASH_BYTES * (first % (1 << TILE_HEIGHT))
    return bytes(row[0])[offset : offset + HASH_BYTES * count] if row else b""
