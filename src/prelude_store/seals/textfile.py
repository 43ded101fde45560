"""What a verification found, as a file that Prometheus' node_exporter hands on: the alarm of who verifies by a timer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prelude_otel.errors import StoreError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from prelude_store.seals.verify import Verified

__all__ = ["NAMES", "write"]

_GAUGES: Final = (
    ("prelude_verify_findings", "What nothing lawful explains, in the last verification"),
    ("prelude_verify_leaves", "Leaves of the tree of seals that it compared"),
    ("prelude_verify_waiting", "Places that were committed, and not sealed yet"),
    ("prelude_verify_outside", "Checkpoints from outside that agreed"),
    ("prelude_verify_seconds", "That it took"),
    ("prelude_verify_completed_timestamp_seconds", "When it came to its end"),
)
NAMES: Final = tuple(name for name, _ in _GAUGES)
"""Of the samples."""


def write(path: Path, found: Verified, seconds: float, now: datetime) -> None:
    """Put what was `found` in the place of what the file said before, in one step.

    Args:
        path: in a folder that node_exporter reads (``--collector.textfile.directory``); ends in ``.prom``.
        seconds: that it took.
        now: with an offset.

    Raises:
        StoreError: it can't be written.
    """
    values = (
        *(sum(found.findings.counts.values()), found.size, found.waiting, found.outside),
        *(round(seconds, 3), round(now.timestamp(), 3)),
    )
    lines = [
        f"# HELP {name} {what}.\n# TYPE {name} gauge\n{name} {value}\n"
        for (name, what), value in zip(_GAUGES, values, strict=True)
    ]
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text("".join(lines), "utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"the figures of the verification can't be written to {path}: {error.strerror}") from None
