"""What nearly every answer wants to know of its snapshot, asked in one go as the transaction begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics import queries

if TYPE_CHECKING:
    from psycopg import sql

    from prelude_analytics.ranges import Range

__all__ = ["Known", "question"]

_DAY: Final = timedelta(days=1)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Behind every row."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a snapshot said.

    Attributes:
        first: of the days of which it told.
        last: of these days.
        moment: from which on it looked for rows.
        newest: time of the newest row from then on, if there is one.
        counted: the last number of each lane that the rollups have counted, and as of when.
        committed: the last number of each lane, and when that was.
        versions: of those of the days that have rollups.
        thinned: whether anything of these days went by retention.
        rebuilding: whether rollups are being made anew.
    """

    first: date
    last: date
    moment: datetime
    newest: datetime | None
    counted: tuple[Mapping[int, int], datetime | None]
    committed: tuple[Mapping[int, int], datetime]
    versions: Mapping[date, int]
    thinned: bool
    rebuilding: bool

    @classmethod
    def of(cls, row: Mapping[str, Any], asked: Mapping[str, Any]) -> Known:
        """From the answer to a `question`, and its parameters."""
        return cls(
            asked["first"],
            asked["last"],
            asked["moment"],
            row["newest"],
            (_lanes(row["counted"]), row["counted_as_of"]),
            (_lanes(row["committed"]), row["as_of"]),
            {date.fromisoformat(day): version for day, version in (row["versions"] or {}).items()},
            row["thinned"],
            row["rebuilding"],
        )


def question(among: Range) -> tuple[sql.SQL, dict[str, Any]]:
    """What to ask for an answer about a range, and the parameters."""
    first, last = among.from_.date(), among.to.date() + _DAY  # it may reach to rows that are dated ahead
    moment = among.to if among.open else _NEVER
    return queries.load("snapshot"), {"first": first, "last": last, "moment": moment}


def _lanes(found: Mapping[str, int] | None) -> dict[int, int]:
    return {int(lane): seq for lane, seq in (found or {}).items()}
