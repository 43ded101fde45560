"""What is not in a report, since it left the log lawfully: said, so that nobody takes silence for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Gone"]


class Gone(NamedTuple):
    """Of the days of the period, whoever's it was.

    Args:
        rows: that went by retention.
        persons: rows that lost who did it, by retention.
        contents: rows that lost what was done, by retention.
        later_acts: erasures, changes of address, and runs of retention behind the period: they may have changed rows in it.
    """

    rows: int
    persons: int
    contents: int
    later_acts: int

    def said(self) -> Iterator[str]:
        """Sentences for a reader; none where nothing went."""
        went = [
            f"{what} {count:,}"
            for count, what in (
                (self.rows, "rows that left the log"),
                (self.persons, "rows that lost who did it"),
                (self.contents, "rows that lost what was done"),
            )
            if count
        ]
        if went:
            yield f"By retention, of these days and of everybody: {', '.join(went)}. That is not in this report."
        if self.later_acts:
            acts = "act" if self.later_acts == 1 else "acts"
            yield (
                f"{self.later_acts:,} {acts} behind the period (erasures, changes of address, retention) may have changed or removed rows in it;"
                " a report up to now lists them."
            )
