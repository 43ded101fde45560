"""Leaves in their order, each batch beside all that the log holds at their places in the lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.seals import texts
from prelude_store.seals.leaves import BLOCK_COLUMNS, Block, Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prelude_store.connection import Connection

__all__ = ["Change", "Content", "Place", "Range", "Row", "amended", "blocks", "changes_of", "content", "lengths"]

BATCH_LEAVES: Final = 8192

Place = tuple[int, int]
"""Lane and number."""
Range = tuple[int, int, int]
"""Lane, first and last number."""

_BLOCKS: Final = f"SELECT {BLOCK_COLUMNS} FROM public.seal_blocks WHERE first_leaf >= %s ORDER BY first_leaf LIMIT 64"  # noqa: S608 (constants)
_RANGES: Final = "unnest(%(lanes)s::integer[], %(firsts)s::bigint[], %(lasts)s::bigint[]) AS b (lane, first, last)"
_IN: Final = "ON {0}.lane = b.lane AND {0}.lane_seq >= b.first AND {0}.lane_seq <= b.last"
_ROWS: Final = f"""
SELECT log.lane, log.lane_seq, uuid_send(log.event_id), {texts.micros('log."timestamp"')}, convert_to({texts.CLEAR}, 'UTF8'),
    convert_to({texts.PERSON}, 'UTF8'), convert_to({texts.DEVICE}, 'UTF8'), convert_to({texts.CONTENT}, 'UTF8'), log.duration_ms
FROM {_RANGES} JOIN public.user_activity_logs AS log {_IN.format("log")}
"""  # noqa: S608 (constants)
_OTHERS: Final = {
    kind: f"""
SELECT found.lane, found.lane_seq, {event_id}, {texts.micros(at)}, convert_to({text}, 'UTF8'), {further}
FROM {_RANGES} JOIN public.{table} AS found {_IN.format("found")}
"""  # noqa: S608 (constants)
    for kind, table, text, event_id, at, further in (
        (
            "a",
            "activity_amendments",
            texts.AMENDMENT,
            "uuid_send(found.event_id)",
            'found."timestamp"',
            "found.duration_ms",
        ),
        (
            "c",
            "activity_changes",
            texts.CHANGE,
            "uuid_send(found.event_id)",
            'found."timestamp"',
            "NULL::integer, found.salt",
        ),
        ("g", "governance_acts", texts.ACT, f"'\\x{bytes(16).hex()}'::bytea", "found.at", "NULL::integer"),
    )
}
_CHANGES: Final = f"""
SELECT found.row_lane, found.row_seq, found.lane, found.lane_seq, found.kind, found.class, found.before, found.after, found.salt
FROM {_RANGES} JOIN public.activity_changes AS found ON found.row_lane = b.lane AND found.row_seq >= b.first AND found.row_seq <= b.last
ORDER BY found.lane, found.lane_seq
"""  # noqa: S608 (constants)
_KEYS: Final = """
FROM unnest(%s::bytea[], %s::bigint[]) AS wanted (event_id, at) JOIN {table} AS found
    ON found."timestamp" = 'epoch'::timestamptz + wanted.at * interval '1 microsecond'
    AND found.event_id = encode(wanted.event_id, 'hex')::uuid
"""
_AMENDED: Final = "SELECT wanted.event_id, wanted.at, found.duration_ms" + _KEYS.format(
    table="public.activity_amendments"
)
_LENGTHS: Final = "SELECT wanted.event_id, wanted.at, found.duration_ms" + _KEYS.format(
    table="public.user_activity_logs"
)


class Row(NamedTuple):
    """What a leaf may be of: a row of the log; or, with nothing but `clear` as its text, an amendment, a change or an act.

    Args:
        event_id: 16 bytes.
        at: microseconds since 1970.
        clear: canonical text of all columns that are in no class, but for the length.
        person: canonical text of the class; None when it has no value, as of `device` and `content`.
        salt: of a change.
    """

    event_id: bytes
    at: int
    clear: bytes
    person: bytes | None = None
    device: bytes | None = None
    content: bytes | None = None
    duration_ms: int | None = None
    salt: bytes | None = None


class Change(NamedTuple):
    """A line of ``activity_changes``."""

    lane: int
    seq: int
    kind: str
    class_name: str | None
    before: bytes | None
    after: bytes | None
    salt: bytes | None


Content = dict[str, dict[Place, list[Row]]]
"""By kind and place what is in the log. More than one at a place is one too many."""


def blocks(connection: Connection, first_leaf: int = 0) -> Iterator[list[Block]]:
    """Blocks from that leaf on, in batches."""
    while True:
        with connection.cursor(binary=True) as cursor:
            found = [Block(*row) for row in cursor.execute(_BLOCKS, [first_leaf], prepare=True)]
        if not found:
            return
        batch: list[Block] = []
        leaves = 0
        for block in found:
            batch.append(block)
            leaves += block.leaf_count
            if leaves >= BATCH_LEAVES:
                break
        yield batch
        first_leaf = batch[-1].first_leaf + 1


def content(connection: Connection, ranges: Iterable[Range], *, rows: bool = True) -> Content:
    """All that is in the log there, or all but rows."""
    given = _given(ranges)
    found: Content = {kind: {} for kind in ("r", *_OTHERS)}
    if not given["lanes"]:
        return found
    with connection.cursor(binary=True) as cursor:
        for lane, seq, *columns in cursor.execute(_ROWS, given, prepare=True) if rows else ():
            found["r"].setdefault((lane, seq), []).append(Row(*columns))
        for kind, question in _OTHERS.items():
            for lane, seq, event_id, at, text, duration_ms, *salt in cursor.execute(question, given, prepare=True):
                row = Row(event_id, at, text, duration_ms=duration_ms, salt=salt[0] if salt else None)
                found[kind].setdefault((lane, seq), []).append(row)
    return found


def changes_of(connection: Connection, ranges: Iterable[Range]) -> dict[Place, list[Change]]:
    """By place of a row what was lawfully changed of it."""
    found: dict[Place, list[Change]] = {}
    with connection.cursor(binary=True) as cursor:
        for lane, seq, *change in cursor.execute(_CHANGES, _given(ranges), prepare=True):
            found.setdefault((lane, seq), []).append(Change(*change))
    return found


def amended(connection: Connection, keys: Iterable[tuple[bytes, int]]) -> set[tuple[bytes, int, int]]:
    """Which lengths amendments gave to rows, known by id and time."""
    return set(_by_key(connection, _AMENDED, keys))


def lengths(connection: Connection, keys: Iterable[tuple[bytes, int]]) -> dict[tuple[bytes, int], int | None]:
    """Which lengths rows have, known by id and time; those that are gone are left out."""
    return {(event_id, at): length for event_id, at, length in _by_key(connection, _LENGTHS, keys)}


def _by_key(connection: Connection, question: str, keys: Iterable[tuple[bytes, int]]) -> list[tuple[Any, ...]]:
    ids, times = [list(column) for column in zip(*keys, strict=True)] or ([], [])
    if not ids:
        return []
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(question.encode(), [ids, times], prepare=True).fetchall()


def _given(ranges: Iterable[Range]) -> dict[str, list[int]]:
    columns = [list(column) for column in zip(*ranges, strict=True)] or [[], [], []]
    return dict(zip(("lanes", "firsts", "lasts"), columns, strict=True))


def leaves_of(batch: Iterable[Block]) -> list[Leaf]:
    """All leaves of a batch."""
    return [leaf for block in batch for leaf in block.leaves()]
