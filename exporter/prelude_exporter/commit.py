"""Group commit: requests that wait together are committed together, by a few threads with a connection each.

Requests share a commit, never each other's faults: what fails for an unknown reason is tried again request by request, and after
a failure the next commits hold one request each, until one succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

from prelude_exporter.decode import Decoded
from prelude_exporter.origin import Payloads
from prelude_otel.errors import StoreUnavailableError
from prelude_store.batch import Batch, WriteResult

__all__ = ["GroupCommit", "Observer", "StoreWriter"]

_log = logging.getLogger(__name__)
MAX_ROWS: Final = 3_000
"""Rows of one COPY, as `bench/ingest.py` found best: more leave the decoder waiting, fewer cost commits."""


class StoreWriter(Protocol):
    """What a thread writes with: `prelude_store.writer.Writer`."""

    def write(self, batch: Batch) -> WriteResult: ...

    def close(self) -> None: ...


class Observer(Protocol):
    """Who is told about commits, from the thread that made them."""

    def committed(self, result: WriteResult, rows: int, seconds: float) -> None: ...

    def failed(self, error: Exception) -> None: ...


@dataclass(slots=True, eq=False)
class _Job:
    """One request: committed when all of its parts are."""

    future: asyncio.Future[None]
    parts: int
    error: Exception | None = field(default=None)


@dataclass(slots=True, eq=False)
class _Part:
    job: _Job
    decoded: Decoded

    @property
    def weight(self) -> int:
        return len(self.decoded.rows) + len(self.decoded.spans) + len(self.decoded.quarantined)


class GroupCommit:
    """Takes decoded requests on the event loop, and commits them in threads.

    Args:
        make_writer: called once in each thread.
        threads: how many connections write (two keep one database core busy).
        max_rows: rows of one commit at most; a larger request takes several.
    """

    def __init__(
        self, make_writer: Callable[[], StoreWriter], observer: Observer, *, threads: int = 2, max_rows: int = MAX_ROWS
    ) -> None:
        self._make_writer = make_writer
        self._observer = observer
        self._max_rows = max_rows
        self._waiting: deque[_Part] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._work, name=f"prelude-writer-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def commit(self, decoded: Decoded, within: float) -> None:
        """Return when all of `decoded` is committed.

        Args:
            within: seconds to wait; what is not begun by then is taken back.

        Raises:
            TimeoutError: it took longer. What was begun may be committed all the same; a resend then finds it.
            StoreUnavailableError: the database is away, or the exporter is stopping.
            Exception: whatever else the writer raised.
        """
        parts = list(_split(decoded, self._max_rows))
        job = _Job(self._loop.create_future(), len(parts))
        with self._news:
            if self._closed:
                raise StoreUnavailableError("the exporter is stopping")
            self._waiting.extend(_Part(job, part) for part in parts)
            self._news.notify(len(parts))
        try:
            async with asyncio.timeout(within):
                await job.future
        except BaseException:
            self._take_back(job)
            raise

    def close(self, timeout: float) -> bool:
        """Commit what waits, and end the threads. Blocks for `timeout` seconds at most; False when something is still unfinished."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        ends = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(ends - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _take_back(self, job: _Job) -> None:
        with self._news:
            self._waiting = deque(part for part in self._waiting if part.job is not job)

    def _work(self) -> None:
        writer = self._make_writer()
        alone = False
        try:
            while parts := self._next(alone):
                alone = not self._write(writer, parts)
        finally:
            writer.close()

    def _next(self, alone: bool) -> list[_Part]:
        """The parts of the next commit; none when there is nothing more to come."""
        with self._news:
            while not self._waiting and not self._closed:
                self._news.wait()
            parts: list[_Part] = []
            room = self._max_rows
            while self._waiting and (not parts or (not alone and self._waiting[0].weight <= room)):
                part = self._waiting.popleft()
                parts.append(part)
                room -= part.weight
            return parts

    def _write(self, writer: StoreWriter, parts: Sequence[_Part]) -> bool:
        begun = time.perf_counter()
        try:
            result = writer.write(_batch(parts))
        except StoreUnavailableError as error:
            self._observer.failed(error)
            self._settle(parts, error)
            return False
        except Exception as error:  # noqa: BLE001 (whatever it is, the sender keeps the request and sends it again)
            if len(parts) > 1:
                # Whoever has been answered meanwhile sends again: the others need not wait for it.
                wrote = [self._write(writer, [part]) for part in parts if not part.job.future.done()]
                return all(wrote)
            _log.error("a request could not be written", exc_info=error)
            self._observer.failed(error)
            self._settle(parts, error)
            return False
        self._observer.committed(result, sum(len(part.decoded.rows) for part in parts), time.perf_counter() - begun)
        self._settle(parts, None)
        return True

    def _settle(self, parts: Sequence[_Part], error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the answer any more
            self._loop.call_soon_threadsafe(_answer, parts, error)


def _answer(parts: Sequence[_Part], error: Exception | None) -> None:
    for part in parts:
        job = part.job
        job.parts -= 1
        job.error = job.error or error
        if job.parts == 0 and not job.future.done():
            if job.error is None:
                job.future.set_result(None)
            else:
                job.future.set_exception(job.error)


def _batch(parts: Sequence[_Part]) -> Batch:
    if len(parts) == 1:
        return parts[0].decoded.batch()
    all_of = chain.from_iterable
    return Batch(
        list(all_of(part.decoded.rows for part in parts)),
        list(all_of(part.decoded.spans for part in parts)),
        list(all_of(part.decoded.quarantined for part in parts)),
        list(all_of(part.decoded.probes for part in parts)),
        Payloads(list(all_of(part.decoded.origins for part in parts))),
    )


def _split(decoded: Decoded, size: int) -> Iterator[Decoded]:
    longest = max(len(decoded.rows), len(decoded.spans), len(decoded.quarantined), len(decoded.probes))
    if longest <= size:
        yield decoded
        return
    for start in range(0, longest, size):
        piece = slice(start, start + size)
        yield Decoded(
            decoded.rows[piece],
            decoded.origins[piece],
            decoded.spans[piece],
            decoded.quarantined[piece],
            decoded.probes[piece],
        )
