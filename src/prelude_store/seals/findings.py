"""What a verification finds, with where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.seals.leaves import uuid_text

if TYPE_CHECKING:
    from prelude_store.seals.leaves import Leaf
    from prelude_store.seals.reading import Place, Row

__all__ = ["MOST_SHOWN", "Finding", "Findings", "moment"]

MOST_SHOWN: Final = 1000
"""Findings that are kept as a whole; of more, how many of which kind there are."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Finding(NamedTuple):
    """One thing that nothing lawful explains.

    Args:
        kind: a word for counting: ``changed``, ``missing``, ``inserted``, ``seals``, ``checkpoint``, ``state``.
        says: what it is.
        leaf: number of the leaf that is concerned.
        event_id: of the row that is concerned.
        at: time of that row, or of the act.
    """

    kind: str
    says: str
    leaf: int | None = None
    lane: int | None = None
    lane_seq: int | None = None
    event_id: str | None = None
    at: datetime | None = None

    def __str__(self) -> str:
        where = [
            f"event {self.event_id}" if self.event_id else "",
            f"of {self.at:%Y-%m-%d %H:%M:%S.%f} UTC" if self.at else "",
            f"lane {self.lane} number {self.lane_seq}" if self.lane is not None else "",
            f"leaf {self.leaf}" if self.leaf is not None else "",
        ]
        place = ", ".join(part for part in where if part)
        return f"{self.kind}: {self.says}" + (f" ({place})" if place else "")


@dataclass
class Findings:
    """All findings, the first of them as a whole."""

    shown: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """One more."""
        self.counts[finding.kind] += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(finding)

    def at_leaf(self, kind: str, says: str, leaf: Leaf) -> None:
        """One more about a leaf."""
        event_id = None if leaf.kind == "g" else uuid_text(leaf.event_id)
        self.add(Finding(kind, says, leaf.number, leaf.lane, leaf.seq, event_id, moment(leaf.at)))

    def at_place(self, kind: str, says: str, place: Place, row: Row) -> None:
        """One more about what stands in the log."""
        event_id = uuid_text(row.event_id) if any(row.event_id) else None
        self.add(Finding(kind, says, None, *place, event_id, moment(row.at)))

    def __bool__(self) -> bool:
        return bool(self.counts)


def moment(microseconds: Any) -> datetime | None:
    """Of microseconds since 1970; None where the calendar ends before."""
    try:
        return _EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        return None
