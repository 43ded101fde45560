"""One pass of the sealer: what was committed behind its cursors becomes leaves, the tree grows, and a checkpoint is signed when one is due.

All of it is one transaction, so a sealer that is killed has sealed a pass as a whole or not at all. It sees one snapshot, taken while
nobody changes rows: a row is sealed as it was before a change, or after.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_otel.errors import ConfigurationError
from prelude_store.governance.changes import SEAL_LOCK
from prelude_store.seals.merkle import TILE_HEIGHT, Frontier, Node
from prelude_store.seals.new_leaves import add_leaves
from prelude_store.seals.notes import Checkpoint, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prelude_store.connection import Connection
    from prelude_store.seals.keys import SigningKey

__all__ = ["PORTION", "Pass", "admit", "carry_out", "is_named_by_act"]

PORTION: Final = 20_000
"""Places of the lanes that a pass seals at most: about a tenth of a second, so that who changes rows does not wait long."""

_TILE: Final = 1 << TILE_HEIGHT

_STATE: Final = "SELECT size, frontier, origin FROM public.seal_state FOR UPDATE"
_BEHIND: Final = """
SELECT lane, coalesce(seq, 0), last_seq FROM public.ingest_lanes LEFT JOIN public.seal_cursors USING (lane)
WHERE last_seq > coalesce(seq, 0) ORDER BY lane
"""
_MOVE_ON: Final = """
INSERT INTO public.seal_cursors (lane, seq) SELECT * FROM unnest(%s::integer[], %s::bigint[])
ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq
"""
_GROWN: Final = "UPDATE public.seal_state SET size = %s, frontier = %s, as_of = CASE WHEN %s THEN now() ELSE as_of END"
_TILES: Final = """
INSERT INTO public.seal_tiles AS known (level, tile, hashes) SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
ON CONFLICT (level, tile) DO UPDATE SET hashes = known.hashes || excluded.hashes
"""
_DUE: Final = """
SELECT coalesce(max(size), 0), coalesce(extract(epoch FROM clock_timestamp() - max(signed_at)), 1e9)::float8 FROM public.seal_checkpoints
"""
_SIGNED: Final = "INSERT INTO public.seal_checkpoints (size, root, note) VALUES (%s, %s, %s)"


class Pass(NamedTuple):
    """What a pass did.

    Args:
        leaves: that it added.
        left: places that are committed, and not sealed yet.
        size: leaves of the tree.
        checkpoint: signed in this pass.
        waits: the tree has grown since the last checkpoint.
        lanes: that were behind: number, up to which number they are sealed now, and their last number.
        read: bytes of the log that came here.
    """

    leaves: int = 0
    left: int = 0
    size: int = 0
    checkpoint: Checkpoint | None = None
    waits: bool = False
    lanes: Sequence[tuple[int, int, int]] = ()
    read: int = 0


def carry_out(
    connection: Connection, key: SigningKey, *, portion: int = PORTION, checkpoint_seconds: float = 1.0
) -> Pass:
    """Seal the next portion.

    Args:
        connection: `sealer.connected` gives one: repeatable read.
        portion: places at most.
        checkpoint_seconds: a checkpoint is due when the tree has grown and the last one is so old.

    Raises:
        psycopg.errors.SerializationFailure: another sealer came between; nothing was done.
    """
    with _while_nobody_changes_rows(connection), connection.transaction():
        size, frontier, _origin = connection.execute(_STATE).fetchall()[0]
        tree = Frontier(size, frontier)
        behind = connection.execute(_BEHIND, prepare=True).fetchall()
        lanes, left = _bounds(behind, portion)
        read = 0
        if lanes:
            made = add_leaves(connection, lanes, size)
            read = made.read
            full = tree.append(made.hashes)
            if full:
                _keep_tiles(connection, full)
            connection.execute(
                _MOVE_ON, [[lane for lane, _, _ in lanes], [until for _, _, until in lanes]], prepare=True
            )
        connection.execute(_GROWN, [tree.size, tree.to_bytes(), not left], prepare=True)
        signed_size, age = connection.execute(_DUE, prepare=True).fetchall()[0]
        checkpoint = None
        if tree.size > signed_size and age >= checkpoint_seconds:
            checkpoint = key.checkpoint(tree.size, tree.root())
            connection.execute(_SIGNED, [tree.size, checkpoint.root, checkpoint.note])
    waits = checkpoint is None and tree.size > signed_size
    seen = [(lane, until, last) for (lane, _, until), (_, _, last) in zip(lanes, behind, strict=True)]
    return Pass(tree.size - size, left, tree.size, checkpoint, waits, seen, read)


def admit(connection: Connection, key: SigningKey) -> None:
    """See that `key` may sign here: as the first of this log, as its present one, or as one that an act of kind ``key`` names.

    Raises:
        ConfigurationError: it may not.
    """
    with connection.transaction():
        size, _, origin = connection.execute(_STATE).fetchall()[0]
        vkey = str(key.verifier)
        known = [
            VerifierKey.parse(text) for (text,) in connection.execute("SELECT vkey FROM public.seal_keys ORDER BY id")
        ]
        if origin is None:
            connection.execute("UPDATE public.seal_state SET origin = %s", [key.name])
        elif origin != key.name:
            raise ConfigurationError(
                f"the key is of the log {key.name!r}, and this log is {origin!r}; give it its own key"
            )
        if known and known[-1] == key.verifier:
            return
        if known and not is_named_by_act(connection, vkey):
            raise ConfigurationError(
                f"the key {key.verifier.id.hex()} has not signed this log so far ({known[-1].id.hex()} has);"
                " to change keys, run: prelude store seal key rotate"
            )
        connection.execute(
            "INSERT INTO public.seal_keys (vkey, since_size) VALUES (%s, %s) ON CONFLICT DO NOTHING", [vkey, size]
        )


def is_named_by_act(connection: Connection, vkey: str) -> bool:
    """Whether the newest act of kind ``key`` hands on to the key whose public half is `vkey`."""
    named = "SELECT detail->>'new' FROM public.governance_acts WHERE kind = 'key' ORDER BY id DESC LIMIT 1"
    return connection.execute(named.encode()).fetchone() == (vkey,)


def _bounds(behind: Sequence[tuple[int, int, int]], portion: int) -> tuple[list[tuple[int, int, int]], int]:
    """Lanes with what to seal of each, and how much is left. What a small lane does not use, the next may."""
    bounds: list[tuple[int, int, int]] = []
    left = 0
    for lanes_to_come, (lane, seen, last) in zip(
        range(len(behind), 0, -1), sorted(behind, key=lambda one: one[2] - one[1]), strict=True
    ):
        until = min(last, seen + max(portion // lanes_to_come, 1))
        portion -= until - seen
        left += last - until
        bounds.append((lane, seen, until))
    return sorted(bounds), left


def _keep_tiles(connection: Connection, full: list[Node]) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    for node in full:
        place = (node.height // TILE_HEIGHT, node.number // _TILE)
        tiles[place] = tiles.get(place, b"") + node.hash
    levels, numbers = [level for level, _ in tiles], [number for _, number in tiles]
    connection.execute(_TILES, [levels, numbers, list(tiles.values())], prepare=True)


@contextmanager
def _while_nobody_changes_rows(connection: Connection) -> Iterator[None]:
    # Of the session: the snapshot of the transaction inside must be younger than the lock.
    connection.execute("SELECT pg_advisory_lock(%s)", [SEAL_LOCK])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [SEAL_LOCK])
