"""The writers of one exporter, watched: how many are connected, how many write, what they wrote."""

from __future__ import annotations

from collections.abc import Callable

from prelude_exporter.watch.metrics import Metrics
from prelude_store.batch import Batch, WriteResult
from prelude_store.writer import Writer

__all__ = ["Pool"]


class Pool:
    """Makes the writers of `commit.GroupCommit`, and tells `metrics` about them.

    Args:
        make: a new writer; called once for each thread that writes.
    """

    def __init__(self, make: Callable[[], Writer], metrics: Metrics) -> None:
        self._make = make
        self._metrics = metrics
        self._writers: list[_Watched] = []
        metrics.watch_writers(
            connected=lambda: sum(writer.connected for writer in self._writers),
            busy=lambda: sum(writer.busy for writer in self._writers),
        )

    def writer(self) -> _Watched:
        """A further writer."""
        watched = _Watched(self._make(), self._metrics)
        self._writers.append(watched)
        return watched


class _Watched:
    """A writer that says whether it is at work."""

    def __init__(self, inner: Writer, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics
        self.busy = False

    @property
    def connected(self) -> bool:
        return self._inner.connected

    def write(self, batch: Batch) -> WriteResult:
        before = self._inner.connects
        self.busy = True
        try:
            result = self._inner.write(batch)
        finally:
            self.busy = False
            self._metrics.connects.inc(self._inner.connects - before)
        self._metrics.wrote(batch.rows, result)
        return result

    def close(self) -> None:
        self._inner.close()
