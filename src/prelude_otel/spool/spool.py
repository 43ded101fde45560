"""The spool: a backlog on disk, with one in memory for what the disk can't take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prelude_otel import problems
from prelude_otel.otlp.backlog import Batch, Prefix
from prelude_otel.otlp.encode import export_request
from prelude_otel.otlp.queue import EntryQueue
from prelude_otel.spool.folder import SpoolFolder
from prelude_otel.spool.segment import Segment
from prelude_otel.spool.syncing import Syncing

if TYPE_CHECKING:
    from prelude_otel.settings import Fsync

__all__ = ["Spool"]

SEGMENT_BYTES: Final = 8 * 1024 * 1024
LOOK_EVERY_S: Final = 5.0
"""How often a process looks for files of processes that are gone."""
_TRY_DISK_EVERY_S: Final = 1.0


class Spool:
    """Entries wait on disk until the receiver has said yes; they outlive the process.

    Each process appends to files of its own, and adopts those of processes that are gone. Where the disk takes nothing (full, or
    the folder at its limit), entries wait in memory, counted as problems of ``spool``, until it does again.

    Args:
        folder: shared by any number of processes that send to the same receiver.
        prefix: constant parts of this process's requests.
        max_bytes: of all files in the folder.
        fsync: when entries are forced onto the device: ``always`` (before `put` returns), ``interval`` (within a second), ``never``
            (when the system does so by itself).
    """

    def __init__(self, folder: SpoolFolder, prefix: Prefix, *, max_bytes: int, fsync: Fsync) -> None:
        self._folder = folder
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._memory = EntryQueue(prefix)
        self._fsync = fsync
        self._segments: deque[Segment] = deque()
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._idle = True
        self._closed = False
        self._active: Segment | None = None
        self._spare: Segment | None = None
        self._segments.clear()
        self._adopted: Segment | None = None
        self._candidates: list[Path] = []
        self._look_at = 0.0
        self._try_disk_at = 0.0
        self._source: Segment | EntryQueue | None = None
        self._own_turn = True
        self._syncing = Syncing(self._fsync, self._folder)
        self._written = self._sent = self._recovered = self._damaged = self._adopted_waiting = 0
        self.accepted = 0
        self.done = 0

    def reset(self) -> None:
        """In the child after a fork: the parent's files are the parent's."""
        for segment in (*self._segments, self._spare, self._adopted):
            if segment is not None:
                segment.close()
        self._memory.reset()
        self._reset()

    def put(self, entry: bytes) -> bool:
        """Append to the file, or to memory; False where neither has room."""
        with self._lock:
            segment = self._active
            if segment is not None and segment.append(entry):
                self._written += 1
            else:
                segment = self._roll(entry)
                if segment is None and not self._memory.put(entry):
                    return False
            self.accepted += 1
            wake = self._idle
            self._idle = False
        if wake:
            self._arrived.set()
        if segment is not None:
            self._syncing.written(segment)
        return True

    def _roll(self, entry: bytes) -> Segment | None:
        """Append to a new file; None where there can be none now."""
        if self._closed:
            return None
        if time.monotonic() < self._try_disk_at:
            problems.report("spool", "activities wait in memory")
            return None
        segment, self._spare = self._spare, None
        try:
            if segment is None:
                segment = self._new_segment(len(entry))
            if not segment.append(entry):  # larger than a whole file
                segment.remove()
                segment = self._new_segment(len(entry))
                segment.append(entry)
        except OSError as error:
            self._try_disk_at = time.monotonic() + _TRY_DISK_EVERY_S
            why = error.strerror or str(error)
            problems.report("spool", f"activities wait in memory, since {self._folder.path} takes no more: {why}")
            return None
        self._written += 1
        self._active = segment
        self._segments.append(segment)
        return segment

    def _new_segment(self, entry_bytes: int) -> Segment:
        room = self._max_bytes - self._folder.size()
        size = max(min(SEGMENT_BYTES, self._max_bytes // 4), entry_bytes + 4096 + sum(map(len, self._prefix)))
        if room < size:
            raise OSError(None, f"its files have reached the limit of {self._max_bytes} bytes")
        segment = Segment.create(self._folder.new_path(), size, self._prefix)
        self._syncing.created()
        return segment

    def wait(self) -> bool:
        """Wait until there is something to send, or to look for."""
        return self._arrived.wait(LOOK_EVERY_S)

    def wake(self) -> None:
        """Make `wait` return."""
        self._arrived.set()

    def peek(self, max_bytes: int) -> Batch | None:
        """This process's entries and those of processes that are gone, by turns."""
        self._own_turn = not self._own_turn
        readers = (self._peek_own, self._peek_adopted) if self._own_turn else (self._peek_adopted, self._peek_own)
        try:
            self._prepare_spare()
            for read in readers:
                batch = read(max_bytes)
                if batch is not None:
                    return batch
        except ValueError:  # a map that was closed meanwhile
            if not self._closed:
                raise
        with self._lock:
            if self._nothing_waits():
                self._idle = True
                self._arrived.clear()
        return None

    def confirm(self, count: int) -> int:
        """The receiver has taken the first `count` of the batch."""
        with self._lock:
            source = self._source
            if source is None or self._closed:
                return 0
            source.confirm(count)
            if source is self._adopted:
                self._adopted_waiting -= count
                self._recovered += count
                return 0
            if source is not self._memory:
                self._sent += count
            self.done += count
        return count

    def refuse(self) -> int:
        """As `confirm` of one; it is kept apart in the folder, as a request that can be sent again by hand."""
        batch = self._source.peek(1) if self._source is not None else None
        if batch is not None and not self._folder.set_aside(export_request(batch.prefix, batch.entries)):
            problems.report("spool", "a refused activity could not be kept: no room for it")
        return self.confirm(1)

    def waiting(self) -> tuple[int, int]:
        """In memory, and on disk."""
        return self._memory.waiting()[0], self._written - self._sent + self._adopted_waiting

    def notes(self) -> Mapping[str, int]:
        """What became of the entries of processes that are gone."""
        return {"recovered": self._recovered, "damaged": self._damaged}

    def close(self) -> int:
        """What waits in memory goes to disk where it can; what is on disk stays there for the next process."""
        with self._lock:
            batch = self._memory.peek(1 << 62)
            self._try_disk_at = 0.0
            lost = 0
            for entry in batch.entries if batch is not None else ():
                kept = self._active is not None and self._active.append(entry)
                lost += not (kept or self._roll(entry) is not None)
            self._closed = True
            for segment in (*self._segments, self._spare, self._adopted):
                if segment is not None:
                    self._let_go(segment)
            self._segments.clear()
            self._active = self._spare = self._adopted = self._source = None
        self._syncing.stop()
        return lost

    def _let_go(self, segment: Segment) -> None:
        if segment.confirmed == segment.end:
            segment.remove()
            return
        if self._fsync != "never":
            segment.sync()
        segment.close()

    def _peek_own(self, max_bytes: int) -> Batch | None:
        while self._segments:
            segment = self._segments[0]
            batch = segment.peek(max_bytes)
            if batch is not None:
                self._source = segment
                return batch
            with self._lock:
                if self._closed:
                    return None
                if segment.confirmed < segment.end:
                    continue  # it has grown meanwhile
                if segment is self._active:
                    segment.rewind()
                    break
                self._segments.popleft()
                segment.remove()
        self._source = self._memory
        return self._memory.peek(max_bytes)

    def _prepare_spare(self) -> None:
        """Have the next file ready before a caller needs it."""
        active = self._active
        if self._spare is not None or (active is not None and active.end < active.size // 2):
            return
        try:
            spare = self._new_segment(0)
        except OSError:
            return  # the caller will meet it, and say so
        with self._lock:
            if self._closed:
                spare.remove()
            else:
                self._spare = spare

    def _peek_adopted(self, max_bytes: int) -> Batch | None:
        if self._adopted is None and not self._candidates and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._candidates = self._look()
        while True:
            if self._adopted is not None:
                batch = self._adopted.peek(max_bytes)
                if batch is not None:
                    self._source = self._adopted
                    return batch
                with self._lock:
                    if not self._closed:
                        self._adopted.remove()
                    self._adopted = None
                    self._adopted_waiting = 0
            if not self._candidates:
                return None
            self._adopt(self._candidates.pop(0))

    def _look(self) -> list[Path]:
        with self._lock:
            own = {segment.path for segment in (*self._segments, self._spare) if segment is not None}
        try:
            return self._folder.candidates(own)
        except OSError as error:
            problems.report("spool", f"{self._folder.path} can't be read: {error.strerror}")
            return []

    def _adopt(self, path: Path) -> None:
        segment = self._folder.adopt(path)
        with self._lock:
            if segment is not None and self._closed:
                segment.close()
            elif segment is not None:
                self._adopted = segment
                self._adopted_waiting = segment.found
                self._damaged += segment.damaged

    def _nothing_waits(self) -> bool:
        return (
            all(segment.confirmed == segment.end for segment in self._segments)
            and not self._memory.waiting()[0]
            and self._adopted is None
            and not self._candidates
        )
