"""Whether anybody touched the log: leaves against rows, the tree against its tiles, and its roots against checkpoints, here and outside."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from prelude_otel.errors import StoreError
from prelude_store.seals import reading
from prelude_store.seals.contents import Contents
from prelude_store.seals.findings import Finding, Findings
from prelude_store.seals.keys import signers
from prelude_store.seals.leaves import leaf_hashes
from prelude_store.seals.merkle import HASH_BYTES, TILE_HEIGHT, Frontier
from prelude_store.seals.notes import Checkpoint, NoteError, VerifierKey
from prelude_store.seals.trust import handed_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.seals.leaves import Block, Leaf
    from prelude_store.seals.merkle import Node

__all__ = ["Verified", "verify"]

_TILE: Final = 1 << TILE_HEIGHT
_MOST_ROWS_SHOWN: Final = 100
_LAST_SEQ: Final = (1 << 63) - 1

_STATE: Final = "SELECT origin, size, frontier, as_of FROM public.seal_state"
_KEYS: Final = "SELECT vkey FROM public.seal_keys ORDER BY id"
_KEY_ACTS: Final = "SELECT detail FROM public.governance_acts WHERE kind = 'key' ORDER BY id"
_STORED: Final = "SELECT size, root, note FROM public.seal_checkpoints WHERE size > %s AND size <= %s ORDER BY size"
_BEYOND: Final = "SELECT size, root, note FROM public.seal_checkpoints WHERE size > %s ORDER BY size"
_NEWEST: Final = "SELECT max(size) FROM public.seal_checkpoints"
_TILES: Final = """
SELECT level, tile, hashes FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, tile) JOIN public.seal_tiles USING (level, tile)
"""
_TILE_COUNTS: Final = "SELECT level, sum(octet_length(hashes)) / 32 FROM public.seal_tiles GROUP BY level"
_LANES: Final = """
SELECT lane, coalesce(seq, 0), last_seq FROM public.ingest_lanes FULL JOIN public.seal_cursors USING (lane) ORDER BY lane
"""
_ELSEWHERE: Final = """
SELECT lane, lane_seq FROM public.user_activity_logs AS log WHERE lane > %s AND lane < %s ORDER BY lane, lane_seq LIMIT %s
"""


class Verified(NamedTuple):
    """What was found.

    Args:
        origin: name of the log; None where nothing was ever sealed.
        size: leaves.
        root: of all of them, as they are now.
        rows: that were compared.
        explained: rows that are changed or gone, and an act tells why.
        waiting: places of the lanes that are committed, and not sealed yet.
        checkpoints: of the database that were compared.
        outside: checkpoints from outside that agree.
        as_of: what was committed before then is sealed.
        keys: that may sign.
        findings: what nothing explains.
    """

    origin: str | None
    size: int
    root: bytes
    rows: int
    explained: int
    waiting: int
    checkpoints: int
    outside: int
    as_of: datetime | None
    keys: list[VerifierKey]
    findings: Findings


def verify(
    connection: Connection,
    outside: Sequence[Checkpoint] = (),
    keys: Sequence[VerifierKey] = (),
    *,
    every_signature: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verified:
    """Look at all of it, in one snapshot; changes nothing.

    Args:
        connection: of `sealer.connected`.
        outside: checkpoints that were kept where nobody who may change the database could change them.
        keys: that one trusts; without any, those that the database names.
        every_signature: of all stored checkpoints, and not of the newest alone.
        progress: told leaves done and leaves in all.

    Raises:
        StoreError: a checkpoint is of another log.
    """
    if connection.info.transaction_status is TransactionStatus.IDLE:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        return _Verification(connection, outside, keys, every_signature).run(progress)


class _Verification:
    def __init__(
        self, connection: Connection, outside: Sequence[Checkpoint], keys: Sequence[VerifierKey], every_signature: bool
    ) -> None:
        self._connection = connection
        self._every_signature = every_signature
        self._findings = Findings()
        self._origin, self._size, self._frontier, self._as_of = connection.execute(_STATE).fetchall()[0]
        for one in outside:
            if self._origin is None:
                says = (
                    f"the log once had {one.size:,} sealed leaves, and is one that was never sealed: all seals are gone"
                )
                self._findings.add(Finding("state", says))
            elif one.origin != self._origin:
                raise StoreError(
                    f"the checkpoint of {one.size:,} leaves is of the log {one.origin!r}, and this is {self._origin!r};"
                    " compare it with its own"
                )
        self._outside = sorted(outside, key=lambda one: one.size)
        acts = [detail for (detail,) in connection.execute(_KEY_ACTS)]
        named = self._named_keys()
        self._given = bool(keys)
        self._keys = handed_on(keys or named[:1], acts)
        self._check_keys(named)
        self._tree = Frontier()
        self._contents = Contents(connection, self._findings)
        self._stored = 0
        self._agreeing = 0

    def run(self, progress: Callable[[int, int], None]) -> Verified:
        for one in self._outside:
            self._check_signature(one, "checkpoint from outside")
        last: Block | None = None
        for batch in reading.blocks(self._connection, size=self._contents.size):
            if batch[0].first_leaf != self._tree.size or any(
                later.first_leaf != one.first_leaf + one.leaf_count for one, later in itertools.pairwise(batch)
            ):
                self._findings.at_leaf("seals", "blocks of leaves do not follow from one another", batch[0].leaf(0))
            self._grow(leaf_hashes(batch))
            self._contents.compare(batch)
            last = batch[-1]
            progress(self._tree.size, max(self._size, self._tree.size))
        self._end(last.leaf(last.leaf_count - 1) if last is not None else None)
        waiting = self._lanes()
        return Verified(
            self._origin, self._tree.size, self._tree.root(), self._contents.rows, self._contents.explained, waiting,
            self._stored, self._agreeing, self._as_of, self._keys, self._findings,
        )  # fmt: skip

    def _grow(self, hashes: bytes) -> None:
        """Add leaves by their hashes, stopping wherever there is a checkpoint of just that size."""
        end = self._tree.size + len(hashes) // HASH_BYTES
        stored = {
            size: (root, note)
            for size, root, note in self._connection.execute(_STORED, [self._tree.size, end], prepare=True)
        }
        outside = {one.size for one in self._outside if self._tree.size < one.size <= end}
        nodes: list[Node] = []
        done = 0
        for size in sorted(stored.keys() | outside | {end}):
            count = size - self._tree.size
            nodes += self._tree.append(hashes[done * HASH_BYTES : (done + count) * HASH_BYTES])
            done += count
            if size in stored:
                self._compare_stored(size, *stored[size])
            if size in outside:
                self._compare_outside(size)
        self._compare_tiles(nodes)

    def _compare_stored(self, size: int, root: bytes, note: str) -> None:
        self._stored += 1
        if root != self._tree.root():
            self._findings.add(
                Finding(
                    "checkpoint", f"the stored checkpoint of {size:,} leaves has another root than the leaves", size - 1
                )
            )
        self._check_stored(size, root, note, signature=self._every_signature)

    def _check_stored(self, size: int, root: bytes, note: str, *, signature: bool) -> None:
        try:
            checkpoint = Checkpoint.parse(note)
        except NoteError as error:
            self._findings.add(
                Finding("checkpoint", f"the stored checkpoint of {size:,} leaves can't be read: {error}", size - 1)
            )
            return
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (self._origin, size, root):
            self._findings.add(
                Finding(
                    "checkpoint",
                    f"the stored checkpoint of {size:,} leaves says something else than its note",
                    size - 1,
                )
            )
        if signature:
            self._check_signature(checkpoint, "stored checkpoint")

    def _compare_outside(self, size: int) -> None:
        root = self._tree.root()
        agreed = max((one.size for one in self._outside if one.size < size), default=0) if self._agreeing else 0
        for one in self._outside:
            if one.size != size:
                continue
            if one.root == root:
                self._agreeing += 1
            else:
                self._findings.add(
                    Finding(
                        "checkpoint",
                        f"the log is not the one whose {size:,} leaves were signed: history before leaf {size:,}"
                        f" was written anew{f', after leaf {agreed:,}' if agreed else ''}",
                        size - 1,
                    )
                )

    def _compare_tiles(self, nodes: Sequence[Node]) -> None:
        if not nodes:
            return
        wanted = sorted({(node.height // TILE_HEIGHT, node.number // _TILE) for node in nodes})
        tiles = {
            (level, tile): hashes
            for level, tile, hashes in self._connection.execute(
                _TILES, [[level for level, _ in wanted], [tile for _, tile in wanted]], prepare=True
            )
        }
        for node in nodes:
            level = node.height // TILE_HEIGHT
            at = HASH_BYTES * (node.number % _TILE)
            if tiles.get((level, node.number // _TILE), b"")[at : at + HASH_BYTES] != node.hash:
                first = node.number << node.height
                self._findings.add(
                    Finding(
                        "seals",
                        f"leaves {first:,} to {first + (1 << node.height) - 1:,} do not give the hash of their tile (level {level})",
                        first,
                    )
                )

    def _end(self, last: Leaf | None) -> None:
        size = self._tree.size
        if (self._size, self._frontier) != (size, self._tree.to_bytes()):
            self._findings.add(
                Finding("state", f"seal_state tells of {self._size:,} leaves, and there are {size:,}, or others")
            )
        expected = {level: size >> TILE_HEIGHT * level for level in range(1, 8) if size >> TILE_HEIGHT * level}
        kept = {int(level): int(count) for level, count in self._connection.execute(_TILE_COUNTS)}
        if kept != expected:
            self._findings.add(Finding("seals", f"tiles hold {kept} hashes by level, and should hold {expected}"))
        since = moment_text(last)
        for stored_size, root, note in self._connection.execute(_BEYOND, [size]).fetchall():
            self._findings.add(
                Finding(
                    "checkpoint",
                    f"a stored checkpoint tells of {stored_size:,} leaves, and there are {size:,}: the end was cut{since}",
                    size,
                )
            )
            self._check_stored(stored_size, root, note, signature=False)
        newest = self._connection.execute(_NEWEST).fetchall()[0][0]
        for one in self._outside:
            if one.size > size:
                self._findings.add(
                    Finding(
                        "checkpoint",
                        f"the log once had {one.size:,} leaves, and has {size:,}: the end was cut, or the database rolled back{since}",
                        size,
                    )
                )
            elif newest is None or newest < one.size:
                self._findings.add(
                    Finding(
                        "checkpoint",
                        f"stored checkpoints end at {newest or 0:,} leaves, one from outside tells of {one.size:,}",
                    )
                )
        if newest is not None and not self._every_signature:
            for _, _, note in self._connection.execute(_STORED, [newest - 1, newest]).fetchall():
                with contextlib.suppress(NoteError):  # said already
                    self._check_signature(Checkpoint.parse(note), "newest stored checkpoint")

    def _check_signature(self, checkpoint: Checkpoint, what: str) -> None:
        if not signers(checkpoint, self._keys):
            named = ", ".join(key.id.hex() for key in self._keys) or "none"
            self._findings.add(
                Finding(
                    "checkpoint",
                    f"the {what} of {checkpoint.size:,} leaves is not signed by a key of this log ({named})",
                    checkpoint.size - 1,
                )
            )

    def _named_keys(self) -> list[VerifierKey]:
        named: list[VerifierKey] = []
        for (text,) in self._connection.execute(_KEYS):
            try:
                named.append(VerifierKey.parse(text))
            except NoteError as error:
                self._findings.add(Finding("state", f"seal_keys names a key that is none: {error}"))
        return named

    def _check_keys(self, named: Sequence[VerifierKey]) -> None:
        for key in named:
            if key not in self._keys:
                whom = "one that you gave" if self._given else "the first"
                self._findings.add(
                    Finding("state", f"the key {key} is in seal_keys, and no act says that it follows {whom}")
                )

    def _lanes(self) -> int:
        """What stands behind the last leaves of lanes; gives how much waits for its seal."""
        waiting = 0
        known: list[int] = []
        for lane, sealed, last in self._connection.execute(_LANES).fetchall():
            known.append(lane)
            covered = self._contents.covered.get(lane, 0)
            if last is None or sealed > last:
                self._findings.add(
                    Finding(
                        "state",
                        f"lane {lane} was sealed up to {sealed:,}, and ends at {last or 0:,}: it was set back",
                        None,
                        lane,
                        sealed,
                    )
                )
            if covered > sealed:
                self._findings.add(
                    Finding(
                        "state",
                        f"lane {lane} has leaves up to {covered:,}, and its cursor stands at {sealed:,}: it was set back",
                        None,
                        lane,
                        covered,
                    )
                )
            waiting += max((last or 0) - sealed, 0)
            if sealed > covered:
                self._contents.left_over(reading.content(self._connection, [(lane, covered + 1, sealed)]))
            beyond = max(last or 0, sealed, covered)
            self._contents.left_over(reading.content(self._connection, [(lane, min(beyond + 1, _LAST_SEQ), _LAST_SEQ)]))
        for lane in self._contents.covered.keys() - set(known):
            self._findings.add(
                Finding("state", f"lane {lane} has leaves, and is in no table of lanes any more", None, lane)
            )
        bounds = [-(1 << 31), *known, (1 << 31) - 1]
        for before, after in itertools.pairwise(bounds):
            for lane, seq in self._connection.execute(_ELSEWHERE, [before, after, _MOST_ROWS_SHOWN]).fetchall():
                self._findings.add(
                    Finding("inserted", f"a row stands in lane {lane}, which there is not", None, lane, seq)
                )
        return waiting


def moment_text(last: Leaf | None) -> str:
    """When the last leaf was, for a message."""
    from prelude_store.seals.findings import moment

    at = moment(last.at) if last is not None else None
    return f" after {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
