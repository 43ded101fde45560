"""Leaves in the database: the question that makes them of what the lanes hold, and blocks as they are read again."""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.native import native
from prelude_store.seals import texts
from prelude_store.seals.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BLOCK_COLUMNS",
    "CLASS_NAMES",
    "KINDS",
    "NOTHING",
    "SALT_BYTES",
    "SEAL",
    "Block",
    "Leaf",
    "head_bytes",
    "leaf_hashes",
    "leaves_at",
    "uuid_text",
]

KINDS: Final = {"r": "row", "a": "amendment", "c": "change", "g": "act"}
"""Letters of ``seal_blocks.kinds``, and the words of heads."""
CLASS_NAMES: Final = ("person", "device", "content")
"""In the order of their commitments, hints and salts."""
NOTHING: Final = bytes(32)
"""The commitment to a class without a value."""
SALT_BYTES: Final = 16

_BOUNDS: Final = "unnest(%(lanes)s::integer[], %(seens)s::bigint[], %(untils)s::bigint[], %(before)s::bigint[]) AS b (lane, seen, until, before)"
_ON: Final = "ON {0}.lane = b.lane AND {0}.lane_seq > b.seen AND {0}.lane_seq <= b.until"


def _committed(place: int) -> str:
    name = CLASS_NAMES[place]
    prefix = f"{name.encode().hex()}00"
    return (
        f"CASE WHEN {name} IS NULL THEN '\\x{NOTHING.hex()}'::bytea"
        f" ELSE sha256(substr(salts, {SALT_BYTES * place + 1}, {SALT_BYTES}) || '\\x{prefix}'::bytea || convert_to({name}, 'UTF8')) END AS {name}"
    )


def _other(kind: str, table: str, text: str, event_id: str, at: str) -> str:
    on = _ON.format("found")
    return (
        f"SELECT b.lane, found.lane_seq, '{kind}' AS kind, {event_id} AS event_id, {texts.micros(at)} AS at,"  # noqa: S608 (constants)
        f" sha256(convert_to({text}, 'UTF8')) AS body, '\\x{bytes(12).hex()}'::bytea AS hints, '\\x{bytes(48).hex()}'::bytea AS salts"
        f" FROM {_BOUNDS} JOIN public.{table} AS found {on}"
    )


_HEADS: Final = " ".join(
    f"WHEN '{letter}' THEN {texts.head(word, 'event_id', 'at', 'lane', 'lane_seq')}" for letter, word in KINDS.items()
)

# Each step is a subquery that is not pulled up, so that no text is made twice.
SEAL: Final = f"""
WITH leaves AS (
    SELECT lane, lane_seq, 'r' AS kind, event_id, at,
        sha256(convert_to(clear, 'UTF8') || person || device || content) AS body,
        substr(person, 1, 4) || substr(device, 1, 4) || substr(content, 1, 4) AS hints, salts
    FROM (
        SELECT lane, lane_seq, event_id, at, clear, salts, {", ".join(map(_committed, range(3)))}
        FROM (
            SELECT b.lane, log.lane_seq, log.event_id, {texts.micros('log."timestamp"')} AS at,
                substr(%(salts)s::bytea, (48 * (b.before + log.lane_seq - b.seen - 1) + 1)::integer, 48) AS salts,
                concat({texts.CLEAR}, {texts.DURATION}) AS clear, {texts.PERSON} AS person, {texts.DEVICE} AS device,
                {texts.CONTENT} AS content
            FROM {_BOUNDS} JOIN public.user_activity_logs AS log {_ON.format("log")} OFFSET 0
        ) AS said OFFSET 0
    ) AS committed
    UNION ALL {_other("a", "activity_amendments", texts.AMENDMENT, "found.event_id", 'found."timestamp"')}
    UNION ALL {_other("c", "activity_changes", texts.CHANGE, "found.event_id", 'found."timestamp"')}
    UNION ALL {_other("g", "governance_acts", texts.ACT, "NULL::uuid", "found.at")}
), numbered AS (
    SELECT *, (row_number() OVER (PARTITION BY lane ORDER BY lane_seq) - 1) / 256 AS block FROM leaves
), hashed AS (
    SELECT *, sha256('\\x00'::bytea || convert_to(CASE kind {_HEADS} END, 'UTF8') || body) AS hash FROM numbered OFFSET 0
), blocks AS (
    SELECT lane, block, min(lane_seq) AS first_seq, max(lane_seq) AS last_seq, count(*) AS count,
        string_agg(kind, '' ORDER BY lane_seq) AS kinds,
        string_agg(int8send(lane_seq), ''::bytea ORDER BY lane_seq) AS seqs,
        string_agg(coalesce(uuid_send(event_id), '\\x{bytes(16).hex()}'::bytea), ''::bytea ORDER BY lane_seq) AS event_ids,
        string_agg(int8send(at), ''::bytea ORDER BY lane_seq) AS times,
        string_agg(body, ''::bytea ORDER BY lane_seq) AS bodies,
        string_agg(hints, ''::bytea ORDER BY lane_seq) AS hints,
        string_agg(salts, ''::bytea ORDER BY lane_seq) AS salts,
        string_agg(hash, ''::bytea ORDER BY lane_seq) AS hashes
    FROM hashed GROUP BY lane, block
), placed AS (
    SELECT *, %(size)s::bigint + coalesce(
        sum(count) OVER (ORDER BY lane, block ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0
    )::bigint AS first_leaf FROM blocks
), kept AS (
    INSERT INTO public.seal_blocks (
        first_leaf, lane, first_seq, last_seq, count, kinds, seqs, event_ids, times, bodies, hints, salts
    )
    SELECT first_leaf, lane, first_seq, last_seq, count, convert_to(kinds, 'UTF8'), seqs, event_ids, times, bodies, hints, salts FROM placed
)
SELECT hashes FROM placed ORDER BY first_leaf
"""  # noqa: S608 (constants)
"""Makes leaves of what lies in `lanes` above `seens` up to `untils`, keeps them in blocks from leaf `size` on, and gives their hashes in order.

`before` says how many numbers the lanes before have: the place of a number among all gives it its salts of `salts`, 48 bytes each.
"""

BLOCK_COLUMNS: Final = "first_leaf, lane, count, kinds, seqs, event_ids, times, bodies, hints, salts"


class Leaf(NamedTuple):
    """A leaf as it is kept.

    Args:
        number: in the tree, from 0.
        kind: a letter of `KINDS`.
        event_id: of the row that it is about, 16 bytes; zeros of an act.
        at: microseconds since 1970: of the row that it is about, or of the act.
        hints: first bytes of the commitments.
        salts: of the commitments; zeros where the values went.
    """

    number: int
    kind: str
    lane: int
    seq: int
    event_id: bytes
    at: int
    body: bytes
    hints: bytes
    salts: bytes

    @property
    def head(self) -> bytes:
        """What is hashed before the body."""
        return head_bytes(self.kind, self.event_id, self.at, self.lane, self.seq)


class Block(NamedTuple):
    """Columns of a row of ``seal_blocks``, in the order of `BLOCK_COLUMNS`."""

    first_leaf: int
    lane: int
    leaf_count: int
    kinds: bytes
    seqs: bytes
    event_ids: bytes
    times: bytes
    bodies: bytes
    hints: bytes
    salts: bytes

    def leaves(self) -> list[Leaf]:
        """Its leaves."""
        return [self._leaf(at, *numbers) for at, numbers in enumerate(zip(self.numbers(), self._times(), strict=True))]

    def leaf(self, at: int) -> Leaf:
        """One of them, from 0."""
        return self._leaf(at, self.numbers()[at], self._times()[at])

    def numbers(self) -> tuple[int, ...]:
        """Of its leaves in their lane."""
        seqs: tuple[int, ...] = unpack(f">{self.leaf_count}q", self.seqs)
        return seqs

    def _times(self) -> tuple[int, ...]:
        times: tuple[int, ...] = unpack(f">{self.leaf_count}q", self.times)
        return times

    def _leaf(self, at: int, seq: int, time: int) -> Leaf:
        return Leaf(
            self.first_leaf + at, chr(self.kinds[at]), self.lane, seq, self.event_ids[16 * at : 16 * at + 16], time,
            self.bodies[32 * at : 32 * at + 32], self.hints[12 * at : 12 * at + 12], self.salts[48 * at : 48 * at + 48],
        )  # fmt: skip


def leaf_hashes(blocks: Sequence[Block]) -> bytes:
    """Of all leaves of `blocks`, one behind the other."""
    module = native().module
    hashes: bytes | None = None if module is None else module.leaf_hashes(blocks)
    if hashes is not None:
        return hashes
    return b"".join(leaf_hash(leaf.head, leaf.body) for block in blocks for leaf in block.leaves())


def leaves_at(batch: Sequence[Block], wanted: set[int]) -> dict[int, Leaf]:
    """Leaves by their numbers in the batch."""
    found: dict[int, Leaf] = {}
    first = 0
    for block in batch:
        of_block = wanted.intersection(range(first, first + block.leaf_count))
        if of_block:
            leaves = block.leaves()
            found |= {at: leaves[at - first] for at in of_block}
        first += block.leaf_count
    return found


def uuid_text(event_id: bytes) -> str:
    """As PostgreSQL prints it."""
    digits = event_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def head_bytes(kind: str, event_id: bytes, at: int, lane: int, seq: int) -> bytes:
    """The head of a leaf, as `texts.head` makes it."""
    event = "null" if kind == "g" else f'"{uuid_text(event_id)}"'
    return f'["{KINDS.get(kind, "?")}", {event}, {at}, {lane}, {seq}]'.encode()
