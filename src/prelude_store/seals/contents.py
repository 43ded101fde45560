"""Leaves against what stands in the log: batch by batch, in the order of leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prelude_store.native import native
from prelude_store.seals import comparing, reading
from prelude_store.seals.findings import Finding, Findings, moment
from prelude_store.seals.leaves import KINDS, leaves_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection
    from prelude_store.seals.leaves import Block, Leaf
    from prelude_store.seals.reading import Change, Content, Place, Range, Row

__all__ = ["Contents", "drops"]

_NAMES: Final = {"r": "row", "a": "amendment of a duration", "c": "record of a change", "g": "governance act"}
_UNSEALED: Final = float("inf")
_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)

# Leaf numbers of acts by which a stretch of time left the log; none where the act is not sealed yet.
_DROPS: Final = """
SELECT act.id, act.detail->>'from', act.detail->>'to', block.first_leaf, block.seqs, act.lane_seq
FROM public.governance_acts AS act LEFT JOIN LATERAL (
    SELECT first_leaf, seqs, first_seq FROM public.seal_blocks AS block
    WHERE block.lane = act.lane AND block.last_seq >= act.lane_seq ORDER BY block.last_seq LIMIT 1
) AS block ON block.first_seq <= act.lane_seq
WHERE act.kind = 'drop'
"""


class Drop:
    """A stretch of time whose rows, if they were sealed before leaf number `leaf`, may be gone."""

    __slots__ = ("ends", "leaf", "starts")

    def __init__(self, starts: datetime, ends: datetime, leaf: float) -> None:
        self.starts, self.ends, self.leaf = starts, ends, leaf

    def covers(self, leaf: Leaf) -> bool:
        """Whether it explains that the row of `leaf` is gone."""
        at = moment(leaf.at)
        return at is not None and self.starts <= at < self.ends and leaf.number < self.leaf


def drops(connection: Connection, findings: Findings) -> list[Drop]:
    """All of the log; one without bounds explains nothing, and is a finding."""
    found: list[Drop] = []
    for number_of_act, first, last, first_leaf, seqs, seq in connection.execute(_DROPS):
        try:
            starts, ends = datetime.fromisoformat(first), datetime.fromisoformat(last)
            _ = starts < _ANY <= ends  # both with a zone
        except (TypeError, ValueError):
            findings.add(
                Finding("state", f"act {number_of_act} is a drop from {first!r} to {last!r}, which are no times")
            )
            continue
        number = _UNSEALED
        if first_leaf is not None:
            number = first_leaf + next(
                at for at in range(len(seqs) // 8) if int.from_bytes(seqs[8 * at : 8 * at + 8], "big") >= seq
            )
        found.append(Drop(starts, ends, number))
    return found


class Contents:
    """Compares; what it finds goes to `findings`.

    Args:
        connection: in one transaction that sees one snapshot.

    Attributes:
        rows: that were compared.
        explained: rows that are gone or changed, and lawfully.
        covered: by lane, up to which number leaves have told what stands there.
        size: of the next batch.
    """

    def __init__(self, connection: Connection, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._drops = drops(connection, findings)
        self.rows = 0
        self.explained = 0
        self.covered: dict[int, int] = {}
        self.size = reading.BatchSize()

    def compare(self, batch: Sequence[Block]) -> None:
        """The next leaves."""
        ranges = reading.in_order(batch, self.covered)
        if ranges is not None and self._compiled(batch, ranges):
            return
        leaves = reading.leaves_of(batch)
        ranges = self._ranges(leaves)
        there = reading.content(self._connection, ranges)
        self.size.weighed(len(leaves), reading.weight(there))
        self._each(leaves, there, reading.changes_of(self._connection, ranges), [], [])

    def _compiled(self, batch: Sequence[Block], ranges: Sequence[Range]) -> bool:
        """Let the compiled part find what is as it was, and look at the others; False where there is none, or it leaves all to us."""
        module = native().module
        if module is None:
            return False
        changes = reading.changes_of(self._connection, ranges)
        entries = reading.packed(self._connection, ranges)
        found = module.compare_leaves(batch, entries, set(changes))
        if found is None:
            return False
        rows, born, given, odd, places = found
        self.size.weighed(sum(block.leaf_count for block in batch), reading.packed_weight(entries))
        self.rows += rows
        self.covered |= {lane: last for lane, _, last in ranges}
        leaf = leaves_at(batch, {*odd, *(at for at, _ in born), *(at for at, _ in given)})
        left = [leaf[at] for at in odd]
        there = reading.content(self._connection, reading.stretches({*places, *((one.lane, one.seq) for one in left)}))
        self._each(left, there, changes, [(leaf[at], ms) for at, ms in born], [(leaf[at], ms) for at, ms in given])
        return True

    def _each(
        self,
        leaves: Sequence[Leaf],
        there: Content,
        changes: dict[Place, list[Change]],
        born: list[tuple[Leaf, int]],
        given: list[tuple[Leaf, int | None]],
    ) -> None:
        """Leaf by leaf; `born` and `given` are known to be rows whose length came later, and amendments."""
        for leaf in leaves:
            found = there.get(leaf.kind, {}).get((leaf.lane, leaf.seq))
            row = _taken(found, leaf)
            if leaf.kind == "r":
                self._row(leaf, row, changes.get((leaf.lane, leaf.seq), ()), born)
            elif row is None:
                self._findings.at_leaf("missing", f"a sealed {_NAMES.get(leaf.kind, 'entry')} is not there", leaf)
            elif comparing.body_of_row(row.clear, b"", ()) != leaf.body:
                self._findings.at_leaf("changed", f"a sealed {_NAMES[leaf.kind]} is not as it was", leaf)
            elif leaf.kind == "a":
                given.append((leaf, row.duration_ms))
        self._lengths(born, given)
        self.left_over(there)

    def left_over(self, there: Content) -> None:
        """What of the log no leaf has taken."""
        for kind, places in there.items():
            for place, rows in places.items():
                for row in rows:
                    self._findings.at_place(
                        "inserted", f"a {_NAMES[kind]} that was never sealed stands among sealed ones", place, row
                    )

    def _row(self, leaf: Leaf, row: Row | None, changes: Sequence[Change], born: list[tuple[Leaf, int]]) -> None:
        removed = any(change.kind == "removed" for change in changes)
        if row is None:
            if removed or any(drop.covers(leaf) for drop in self._drops):
                self.explained += 1
            else:
                self._findings.at_leaf("missing", "a sealed row is gone, and no act tells of it", leaf)
            return
        self.rows += 1
        if removed:
            self._findings.at_leaf("inserted", "a row was lawfully removed, and is there again", leaf)
            return
        committed: Sequence[bytes] = comparing.commitments(row, leaf.salts)
        if changes:
            committed, wrong = comparing.explained(row, leaf, changes)
            if wrong is not None:
                self._findings.at_leaf("changed", wrong, leaf)
                return
            self.explained += 1
        length = comparing.length_text(row.duration_ms)
        if comparing.body_of_row(row.clear, length, committed) == leaf.body:
            self._hints(leaf, committed)
            return
        # Sealed without its length, which an amendment has completed since?
        if (
            row.duration_ms is not None
            and comparing.body_of_row(row.clear, comparing.NO_LENGTH, committed) == leaf.body
        ):
            born.append((leaf, row.duration_ms))
            self._hints(leaf, committed)
            return
        where = comparing.what_differs(leaf, committed)
        self._findings.at_leaf("changed", f"a sealed row is not as it was: {where}", leaf)

    def _hints(self, leaf: Leaf, committed: Sequence[bytes]) -> None:
        if leaf.hints != b"".join(one[:4] for one in committed):
            self._findings.at_leaf("seals", "the hints of a leaf are not those of its row", leaf)

    def _lengths(self, born: list[tuple[Leaf, int]], given: list[tuple[Leaf, int | None]]) -> None:
        known = reading.amended(self._connection, [(leaf.event_id, leaf.at) for leaf, _ in born])
        for leaf, length in born:
            if (leaf.event_id, leaf.at, length) not in known:
                self._findings.at_leaf("changed", "duration_ms of a sealed row is not as it was", leaf)
        now = reading.lengths(self._connection, [(leaf.event_id, leaf.at) for leaf, _ in given])
        for leaf, amended in given:
            if now.get((leaf.event_id, leaf.at), amended) != amended:
                self._findings.at_leaf("changed", "duration_ms of a row is not what its amendment says", leaf)

    def _ranges(self, leaves: Sequence[Leaf]) -> list[Range]:
        """From where each lane was left up to its last leaf here; so nothing between leaves is overlooked."""
        last: dict[int, int] = {}
        for leaf in leaves:
            if leaf.seq <= max(last.get(leaf.lane, 0), self.covered.get(leaf.lane, 0)):
                self._findings.at_leaf("seals", f"leaves of lane {leaf.lane} are not in the order of its numbers", leaf)
            else:
                last[leaf.lane] = leaf.seq
            if leaf.kind not in KINDS:
                self._findings.at_leaf("seals", f"a leaf of the kind {leaf.kind!r}, which there is not", leaf)
        ranges = [(lane, self.covered.get(lane, 0) + 1, seq) for lane, seq in sorted(last.items())]
        self.covered |= last
        return ranges


def _taken(found: list[Row] | None, leaf: Leaf) -> Row | None:
    """What is of `leaf` among what stands at its place; the rest stays behind."""
    for at, row in enumerate(found or ()):
        if row.event_id == leaf.event_id and row.at == leaf.at:
            return found.pop(at) if found else None
    return None
