"""What became of the activities of this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prelude_otel import problems, state

__all__ = ["Stats", "stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since `instrument`.

    Args:
        emitted: activities that ended.
        sent: those that the receiver has taken.
        waiting: those in memory, on their way.
        spooled: those on disk, on their way.
        dropped: lost ones, by reason: queue_full, refused, shutdown, after_shutdown, not_sampled.
        problems: our own errors, by place; the activities concerned may lack fields.
    """

    emitted: int
    sent: int
    waiting: int
    spooled: int
    dropped: Mapping[str, int]
    problems: Mapping[str, int]


def stats() -> Stats:
    """The counts of now; all zero before `instrument`."""
    runtime = state.runtime
    emitted, sent, waiting, dropped = runtime.sink.counts() if runtime is not None else (0, 0, 0, {})
    return Stats(emitted, sent, waiting, 0, dropped, problems.counts())
