"""One request from its bytes to its commit, whatever it came by: admission, decoding, waiting, and what to answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from prelude_exporter.commits.group_commit import GroupCommit
from prelude_exporter.commits.late import LateCommits, StillWritingError
from prelude_exporter.decoding.decode import Decoded
from prelude_exporter.decoding.native_decode import make_decoder
from prelude_exporter.edge.oversized import Oversized
from prelude_exporter.errors import MalformedRequestError, NotNowError, TooLargeError
from prelude_exporter.sender import Sender
from prelude_exporter.watch.metrics import Metrics
from prelude_exporter.watch.readiness import Readiness
from prelude_otel.catalogue import Catalogue
from prelude_otel.errors import StoreUnavailableError
from prelude_store.row import Quarantined

__all__ = ["Intake", "Signal"]

Signal = Literal["logs", "traces"]
_log = logging.getLogger(__name__)
RETRY_AFTER: Final = 1
"""Seconds that a refused sender is asked to wait (OTLP spec, Retryable Response Codes; both kinds of answer need whole ones)."""


_OVERHEAD: Final = 4096
"""Bytes that a request takes beside its content while it waits: its call, its task, its place in the queue."""


@dataclass(frozen=True, slots=True)
class _Limits:
    waiting_bytes: int
    wait: float


class Intake:
    """Everything that both protocols do alike.

    Args:
        waiting_bytes: bytes of requests that may be read or wait for their commit; more are refused at once. A request takes some
            five times its bytes of memory.
        wait: seconds that a request may take. The Collector gives up after 5 (gRPC).
        max_records: of one request; any number when not given.
    """

    def __init__(
        self,
        commits: GroupCommit,
        metrics: Metrics,
        readiness: Readiness,
        *,
        catalogue: Catalogue | None = None,
        waiting_bytes: int,
        wait: float,
        max_records: int | None = None,
    ) -> None:
        self._commits = commits
        self._metrics = metrics
        self._readiness = readiness
        self._limits = _Limits(waiting_bytes, wait)
        self._decoder = make_decoder(catalogue, max_records)
        self._oversized = Oversized()
        self._late = LateCommits()
        self._waiting = 0
        metrics.waiting_bytes.set_function(lambda: self._waiting)
        metrics.waiting_bytes_limit.set(waiting_bytes)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of requests that are read or wait for their commit."""
        return self._waiting

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """Room for one request while it is read; gives what is to be called with its bytes so far, before more are taken.

        Raises:
            NotNowError: (by what is given) too much is here already, or the exporter is stopping.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            self._admit(size - taken, taken)
            self._waiting += size - taken
            taken = size

        try:
            yield take
        finally:
            self._waiting -= taken

    def _admit(self, size: int, own: int = 0) -> None:
        if self._readiness.stopping:
            raise NotNowError("the exporter is stopping")
        # A single request is let in however large it is: it could never come in otherwise.
        if self._waiting > own and self._waiting + size > self._limits.waiting_bytes:
            raise NotNowError(f"{self._waiting} bytes of requests wait for their commit already")

    async def accept(self, signal: Signal, request: bytes, sender: Sender) -> Decoded:
        """Decode `request` and return when it is committed.

        Raises:
            MalformedRequestError: it is no OTLP; sending it again will not help.
            TooLargeError: it has too many records; a note of it is in the quarantine.
            NotNowError: it was not committed, for whatever reason; it may be sent again.
        """
        size = len(request) + _OVERHEAD
        seen = self._metrics.of_signal[signal]
        seen.received_bytes.inc(len(request))
        with seen.request_seconds.time():
            self._admit(size)
            self._waiting += size
            try:
                return await self._accept(signal, request, sender)
            finally:
                self._waiting -= size

    async def _accept(self, signal: Signal, request: bytes, sender: Sender) -> Decoded:
        decode = self._decoder.logs if signal == "logs" else self._decoder.traces
        with self._metrics.of_signal[signal].decode_seconds.time():
            try:
                decoded = decode(request, sender)
            except TooLargeError as error:
                await self.refuse_for_good(signal, sender, f"{error} ({len(request)} bytes)", request)
            except MalformedRequestError:
                raise
            except Exception as error:  # noqa: BLE001 (whatever it is, the request is kept)
                # Sent again, it would fail for ever. In the quarantine it waits for a version that can read it.
                _log.exception(
                    "a request of %d bytes could not be decoded, and is in the quarantine as a whole", len(request)
                )
                detail = f"{type(error).__name__}: {error}; a whole request, from {sender}"
                decoded = Decoded(quarantined=[Quarantined(signal, "mapping_failed", detail, request)])
        self._metrics.decoded(signal, decoded)
        if not (decoded.rows or decoded.spans or decoded.quarantined or decoded.probes):
            return decoded
        late = self._late.find(signal, request, sender)
        try:
            await self._commit(decoded, late)
        except NotNowError as error:
            if isinstance(error.__cause__, StillWritingError):
                self._late.remember(signal, request, sender, error.__cause__.future)
            raise
        return decoded

    async def refuse_for_good(self, signal: Signal, sender: Sender, said: str, start: bytes) -> NoReturn:
        """Leave a note about a request that is above a limit, and refuse it.

        Args:
            said: which limit, and how large it is as far as that is known.
            start: how it begins, inflated.

        Raises:
            TooLargeError: always, when the note is committed.
            NotNowError: the note could not be.
        """
        note = self._oversized.note(signal, sender, said, start)
        if note is not None:
            await self._commit(note)
            self._oversized.noted(start)
        raise TooLargeError(said)

    async def _commit(self, decoded: Decoded, late: asyncio.Future[None] | None = None) -> None:
        try:
            if late is None:
                await self._commits.commit(decoded, self._limits.wait)
            else:
                async with asyncio.timeout(self._limits.wait):
                    await asyncio.shield(late)
        except TimeoutError as error:
            raise NotNowError(f"not committed within {self._limits.wait:g} s") from error
        except StoreUnavailableError as error:
            raise NotNowError(str(error)) from error
        except Exception as error:  # the sender must keep what we could not
            raise NotNowError(f"not committed: {type(error).__name__}") from error
