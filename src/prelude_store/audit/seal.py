"""What seals say of the rows of a report, in words."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["Seal"]


class Seal(NamedTuple):
    """How far seals were when the report began.

    Args:
        origin: the name of the log in its checkpoints; None: nobody has sealed it.
        size: leaves.
        signed_size: leaves that the newest checkpoint covers; None, as root and time, where there is none.
    """

    origin: str | None
    size: int
    signed_size: int | None
    root: bytes | None
    signed_at: datetime | None

    @property
    def shown(self) -> dict[str, Any]:
        """For programs."""
        newest = None
        if self.root is not None and self.signed_at is not None:
            root = base64.b64encode(self.root).decode()
            newest = {"size": self.signed_size, "root": root, "signed_at": self.signed_at.isoformat()}
        return {"origin": self.origin, "leaves": self.size, "checkpoint": newest}

    def said(self, rows: int, sealed: int) -> tuple[bool, str]:
        """Whether all is well, and a sentence for a reader.

        Args:
            rows: that the report counts.
            sealed: how many of them have a leaf.
        """
        if self.origin is None or not self.size:
            return (
                False,
                "Not sealed: nobody has sealed this log, so nothing here proves that its rows were not changed.",
            )
        if self.signed_size is None:
            return False, "Not signed: this log has leaves, but no checkpoint yet, so nothing proves anything."
        if not rows:
            return True, f"No rows to seal in this report; the log is sealed up to leaf {self.size:,}."
        left = rows - sealed
        signed = (
            ""
            if self.signed_size >= self.size
            else f" The newest signed checkpoint covers the first {self.signed_size:,} leaves."
        )
        if not left:
            return True, f"All {rows:,} rows of this report are sealed, by leaves up to number {self.size:,}.{signed}"
        return False, (
            f"{sealed:,} of the {rows:,} rows of this report are sealed, by leaves up to number {self.size:,}; {left:,} are not sealed yet."
            f"{signed}"
        )
