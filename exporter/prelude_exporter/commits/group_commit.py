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

from prelude_exporter.commits.late import StillWritingError
from prelude_exporter.decoding.decode import Decoded
from prelude_exporter.decoding.origin import Payloads
from prelude_otel.errors import StoreUnavailableError
from prelude_store.batch import Batch, WriteResult

__all__ = ["GroupCommit", "Observer", "StoreWriter"]

_log = logging.getLogger(__name__)
MAX_ROWS: Final = 3_000
"""Rows of one COPY, as `bench/ingest.py` found best: more leave the decoder waiting, fewer cost commits."""


_NOTHING: Final = Decoded()


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
    parts: list[_Part] = field(default_factory=list)
    unsettled: int = 0
    error: Exception | None = None
    begun: bool = False
    given_up: bool = False

    def let_go(self) -> None:
        """It has its answer, or will get none: what is left of it in the queue weighs nothing."""
        for part in self.parts:
            part.decoded = _NOTHING
        self.parts.clear()


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
            within: seconds to wait; a request that is not begun by then is taken back.

        Raises:
            TimeoutError: it took longer, and nothing of it was written.
            StillWritingError: it took longer, and may yet be committed.
            StoreUnavailableError: the database is away, or the exporter is stopping.
            Exception: whatever else the writer raised.
        """
        job = _Job(self._loop.create_future())
        job.future.add_done_callback(_heard)
        job.parts = [_Part(job, part) for part in _split(decoded, self._max_rows)]
        job.unsettled = len(job.parts)
        with self._news:
            if self._closed:
                raise StoreUnavailableError("the exporter is stopping")
            self._waiting.extend(job.parts)
            self._news.notify(len(job.parts))
        try:
            async with asyncio.timeout(within):
                await asyncio.shield(job.future)
        except BaseException as error:
            job.given_up = not job.future.done()
            if job.given_up and job.begun:
                if isinstance(error, TimeoutError):
                    raise StillWritingError(job.future) from None
            else:
                job.let_go()
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
            while True:
                parts: list[_Part] = []
                room = self._max_rows
                while self._waiting and (not parts or (not alone and self._waiting[0].weight <= room)):
                    part = self._waiting.popleft()
                    if part.job.begun or not part.job.given_up:
                        part.job.begun = True
                        parts.append(part)
                        room -= part.weight
                if parts or self._closed:
                    return parts
                self._news.wait()

    def _write(self, writer: StoreWriter, parts: Sequence[_Part]) -> bool:
        begun = time.perf_counter()
        decoded = [part.decoded for part in parts]  # once: who gives up takes it away
        try:
            result = writer.write(_batch(decoded))
        except StoreUnavailableError as error:
            self._observer.failed(error)
            self._settle(parts, error)
            return False
        except Exception as error:  # noqa: BLE001 (whatever it is, the sender keeps the request and sends it again)
            if len(parts) > 1:
                # Whoever has been answered meanwhile sends again: the others need not wait for it.
                given_up = [part for part in parts if part.job.given_up]
                self._settle(given_up, error)
                wrote = [self._write(writer, [part]) for part in parts if not part.job.given_up]
                return all(wrote)
            _log.error("a request could not be written", exc_info=error)
            self._observer.failed(error)
            self._settle(parts, error)
            return False
        self._observer.committed(result, sum(len(each.rows) for each in decoded), time.perf_counter() - begun)
        self._settle(parts, None)
        return True

    def _settle(self, parts: Sequence[_Part], error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the answer any more
            self._loop.call_soon_threadsafe(_answer, parts, error)


def _answer(parts: Sequence[_Part], error: Exception | None) -> None:
    for part in parts:
        job = part.job
        job.unsettled -= 1
        job.error = job.error or error
        if job.unsettled == 0:
            job.let_go()
        if job.unsettled == 0 and not job.future.done():
            if job.error is None:
                job.future.set_result(None)
            else:
                job.future.set_exception(job.error)


def _heard(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()  # where nobody waits any more, asyncio would complain that nobody asked


def _batch(decoded: Sequence[Decoded]) -> Batch:
    if len(decoded) == 1:
        return decoded[0].batch()
    all_of = chain.from_iterable
    return Batch(
        list(all_of(each.rows for each in decoded)),
        list(all_of(each.spans for each in decoded)),
        list(all_of(each.quarantined for each in decoded)),
        list(all_of(each.probes for each in decoded)),
        Payloads(list(all_of(each.origins for each in decoded))),
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
