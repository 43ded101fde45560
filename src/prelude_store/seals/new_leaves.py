"""New leaves of what was committed: made by the compiled part where it is installed, else by the database itself; the same, to the byte."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.native import native
from prelude_store.seals import reading
from prelude_store.seals.leaves import SALT_BYTES, SEAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection

__all__ = ["NewLeaves", "Stretch", "add_leaves"]

Stretch = tuple[int, int, int]
"""Of a lane: its number, up to which number it is sealed, and up to which it shall be."""

_SALTS: Final = 3 * SALT_BYTES
_KEEP: Final = """
INSERT INTO public.seal_blocks (
    first_leaf, lane, first_seq, last_seq, count, kinds, seqs, event_ids, times, bodies, hints, salts
)
SELECT * FROM unnest(
    %s::bigint[], %s::integer[], %s::bigint[], %s::bigint[], %s::smallint[],
    %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[]
)
"""


class NewLeaves(NamedTuple):
    """What was added.

    Args:
        hashes: of the leaves in their order, one behind the other.
        read: bytes that came here for it.
    """

    hashes: bytes
    read: int


def add_leaves(connection: Connection, lanes: Sequence[Stretch], size: int) -> NewLeaves:
    """Make leaves of all that lies in `lanes`, and keep them in blocks from leaf `size` on."""
    before: list[int] = []
    places = 0
    for _, seen, until in lanes:
        before.append(places)
        places += until - seen
    salts = os.urandom(_SALTS * places)
    return compiled(connection, lanes, before, salts, size) or in_database(connection, lanes, before, salts, size)


def compiled(
    connection: Connection, lanes: Sequence[Stretch], before: Sequence[int], salts: bytes, size: int
) -> NewLeaves | None:
    """By the compiled part; None where there is none, or where there is something that it leaves to others.

    `before` says how many numbers the lanes before have: the place of a number among all gives it its salts, 48 bytes each.
    """
    module = native().module
    if module is None:
        return None
    entries = reading.packed(connection, [(lane, seen + 1, until) for lane, seen, until in lanes])
    starts = [(lane, seen, count) for (lane, seen, _), count in zip(lanes, before, strict=True)]
    made = module.seal_leaves(entries, starts, salts, size)
    if made is None:
        return None
    hashes, columns = made
    if hashes:
        connection.execute(_KEEP, columns, prepare=True)
    return NewLeaves(hashes, reading.packed_weight(entries))


def in_database(
    connection: Connection, lanes: Sequence[Stretch], before: Sequence[int], salts: bytes, size: int
) -> NewLeaves:
    """By the question `SEAL`."""
    given = {
        "lanes": [lane for lane, _, _ in lanes],
        "seens": [seen for _, seen, _ in lanes],
        "untils": [until for _, _, until in lanes],
        "before": before,
        "salts": salts,
        "size": size,
    }
    made = connection.cursor(binary=True).execute(SEAL, given, prepare=True)
    return NewLeaves(b"".join(hashes for (hashes,) in made), 0)
