"""What became of the activities of this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prelude_otel import problems, state
from prelude_otel.sinks import Counts

__all__ = ["Stats", "stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since `instrument`.

    Args:
        emitted: activities that ended.
        sent: those that the receiver has taken.
        waiting: those in memory, on their way.
        spooled: those on disk, on their way; of earlier processes, too.
        recovered: those of earlier processes, found in the spool, that the receiver has taken.
        dropped: lost ones, by reason: queue_full, refused, shutdown, after_shutdown, not_sampled; damaged (of earlier processes).
            What a receiver refuses is kept in the spool's folder, where there is one.
        problems: our own errors, by place; the activities concerned may lack fields. Those of ``spool`` are activities that the
            disk did not take and that wait in memory.
    """

    emitted: int
    sent: int
    waiting: int
    spooled: int
    recovered: int
    dropped: Mapping[str, int]
    problems: Mapping[str, int]


def stats() -> Stats:
    """The counts of now; all zero before `instrument`."""
    runtime = state.runtime
    counts = runtime.sink.counts() if runtime is not None else Counts()
    damaged = {"damaged": counts.damaged} if counts.damaged else {}
    return Stats(
        emitted=counts.emitted,
        sent=counts.sent,
        waiting=counts.waiting,
        spooled=counts.spooled,
        recovered=counts.recovered,
        dropped={**counts.dropped, **damaged},
        problems=problems.counts(),
    )
