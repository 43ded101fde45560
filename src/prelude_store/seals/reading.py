"""Leaves in their order, each batch beside all that the log holds at their places in the lanes."""

from __future__ import annotations

from collections import deque
from operator import ge
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.seals import texts
from prelude_store.seals.leaves import BLOCK_COLUMNS, KINDS, Block, Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prelude_store.connection import Connection

__all__ = [
    "BatchSize", "Change", "Content", "Place", "Range", "Row", "amended", "blocks", "changes_of", "content", "in_order", "leaves_of", "lengths",
    "packed", "packed_weight", "stretches", "weight",
]  # fmt: skip

BATCH_LEAVES: Final = 8192
"""That are compared at once, at most."""
_FIRST_BATCH: Final = 1024
_MOST_READ: Final = 16 << 20
"""Bytes of the log that are compared at once, about."""
_LETTERS: Final = "".join(KINDS).encode()

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
_PACKED: Final = " UNION ALL ".join(
    f"SELECT {texts.PACKED[kind]} FROM {_RANGES} JOIN public.{table} AS {name} {_IN.format(name)}"  # noqa: S608 (constants)
    for kind, table, name in (
        ("r", "user_activity_logs", "log"),
        ("a", "activity_amendments", "found"),
        ("c", "activity_changes", "found"),
        ("g", "governance_acts", "found"),
    )
)
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


class BatchSize:
    """How many leaves may be held at once with all that they are of, if they weigh what the last ones did.

    Attributes:
        leaves: of the next batch.
    """

    def __init__(self, leaves: int = _FIRST_BATCH) -> None:
        self.leaves = leaves

    def weighed(self, leaves: int, read: int) -> None:
        """So many had so many bytes."""
        self.leaves = max(min(BATCH_LEAVES, leaves * _MOST_READ // max(read, 1)), 1)


def blocks(connection: Connection, first_leaf: int = 0, size: BatchSize | None = None) -> Iterator[list[Block]]:
    """Blocks from that leaf on, in batches of that size, or one block more."""
    size = size or BatchSize(BATCH_LEAVES)
    waiting: deque[Block] = deque()
    while True:
        batch: list[Block] = []
        leaves, wanted = 0, size.leaves
        while leaves < wanted:
            if not waiting:
                with connection.cursor(binary=True) as cursor:
                    waiting.extend(Block(*row) for row in cursor.execute(_BLOCKS, [first_leaf], prepare=True))
                if not waiting:
                    break
                first_leaf = waiting[-1].first_leaf + 1
            batch.append(waiting.popleft())
            leaves += batch[-1].leaf_count
        if not batch:
            return
        yield batch


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


def packed(connection: Connection, ranges: Iterable[Range]) -> list[tuple[bytes]]:
    """All that is in the log there, for the compiled part: rows with one column."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(_PACKED, _given(ranges), prepare=True).fetchall()


def weight(there: Content) -> int:
    """Bytes of the rows in what `content` gave, about."""
    return sum(
        len(row.clear) + len(row.person or b"") + len(row.device or b"") + len(row.content or b"")
        for places in there.values()
        for rows in places.values()
        for row in rows
    )


def packed_weight(entries: Sequence[tuple[bytes]]) -> int:
    """Bytes of what `packed` gave."""
    return sum(len(entry) for (entry,) in entries)


def in_order(batch: Iterable[Block], covered: Mapping[int, int]) -> list[Range] | None:
    """From where `covered` ends up to the last leaf of each lane; None where leaves are not in order, or of a kind that there is not."""
    last: dict[int, int] = {}
    for block in batch:
        numbers = block.numbers()
        before = last.get(block.lane, covered.get(block.lane, 0))
        if numbers[0] <= before or any(map(ge, numbers, numbers[1:])) or block.kinds.translate(None, _LETTERS):
            return None
        last[block.lane] = numbers[-1]
    return [(lane, covered.get(lane, 0) + 1, seq) for lane, seq in sorted(last.items())]


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


def stretches(places: set[Place]) -> list[Range]:
    """Places that follow each other as one range."""
    found: list[Range] = []
    for lane, seq in sorted(places):
        if found and (found[-1][0], found[-1][2]) == (lane, seq - 1):
            found[-1] = (lane, found[-1][1], seq)
        else:
            found.append((lane, seq, seq))
    return found
