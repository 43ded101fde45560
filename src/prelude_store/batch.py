"""What a writer takes, and what it answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.row import ActivityRow, Payload, Probe, Quarantined, SpanLength

__all__ = ["Batch", "WriteResult"]


@dataclass(slots=True)
class Batch:
    """What is written in one transaction; may be the union of several requests.

    Args:
        payloads: parallel to `rows`, the record that each row was made from, for the quarantine. Where there is none, a row that
            the database refuses is kept as JSON of the row.
    """

    rows: list[ActivityRow] = field(default_factory=list)
    spans: list[SpanLength] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    payloads: Sequence[Payload | None] | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a batch, counted.

    Args:
        inserted: new rows.
        duplicates: rows that were there already, with the same content.
        conflicts: rows that were there already with other content: in quarantine, once.
        quarantined: new entries of the quarantine, conflicts included.
        joined: rows whose duration was completed by the join.
        erased: rows and entries that were not written, since their person was erased.
        reasons: what was handed to the quarantine, by reason, whether new there or not.
    """

    inserted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    joined: int = 0
    erased: int = 0
    reasons: Counter[str] = field(default_factory=Counter, compare=False)

    def __add__(self, other: WriteResult) -> WriteResult:
        return WriteResult(
            self.inserted + other.inserted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.quarantined + other.quarantined,
            self.joined + other.joined,
            self.erased + other.erased,
            self.reasons + other.reasons,
        )
