"""A demo's past: made up once for a data folder; where a run ended in the middle of it, the next one writes the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ENDS", "Past"]

ENDS: Final = timedelta(minutes=15)
"""How long ago a past ends that is made now: what lands from then on is shown."""
_NOTE: Final = "past.json"


class Past(NamedTuple):
    """Which past. The same rows are made for the same numbers, and rows that are there already stay single.

    Args:
        rows: how many.
        until: when it ends; ISO 8601.
    """

    rows: int
    until: str

    @classmethod
    def due(cls, data: Path, rows: int) -> Past | None:
        """What is still to be written into the database that is kept in `data`; of a new one, `rows`."""
        note = data / _NOTE
        if note.exists():
            known = json.loads(note.read_text("utf-8"))
            return None if known["written"] else cls(known["rows"], known["until"])
        if not rows or (data / "postgres").exists():
            return None
        return cls(rows, (datetime.now(UTC) - ENDS).isoformat(timespec="seconds"))

    def note(self, data: Path, *, written: bool) -> None:
        """Keep for the next run what is being written, or has been."""
        told = {"rows": self.rows, "until": self.until, "written": written}
        draft = data / f"{_NOTE}.draft"
        draft.write_text(json.dumps(told) + "\n", "utf-8")
        draft.replace(data / _NOTE)  # killed at any moment, a run leaves a whole one
