"""The spool: a backlog on disk, with one in memory for what the disk can't take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from prelude_otel import problems
from prelude_otel.otlp.backlog import Batch, Prefix
from prelude_otel.otlp.queue import EntryQueue
from prelude_otel.spool.folder import SpoolFolder
from prelude_otel.spool.left import LOOK_EVERY_S, LeftBehind
from prelude_otel.spool.segment import Segment
from prelude_otel.spool.syncing import Syncing

if TYPE_CHECKING:
    from prelude_otel.settings import Fsync

__all__ = ["Spool"]

SEGMENT_BYTES: Final = 8 * 1024 * 1024
_SEGMENTS_OF_A_SIZE: Final = 8
"""Where a receiver is long away, each so many files are twice as large as the ones before: an open file takes two descriptors."""
_LARGEST_SHARE: Final = 16
"""Of the limit: no file is larger than one part of so many."""
_TRY_DISK_EVERY_S: Final = 1.0
_FORK_WAITS_S: Final = 1.0
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _alone(step: Callable[Concatenate[Spool, _P], _R]) -> Callable[Concatenate[Spool, _P], _R]:
    """Under the lock, and so that an emit by a signal handler or a finaliser in this thread waits until it is over."""

    @wraps(step)
    def run(self: Spool, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            before, self._busy = self._busy, True
            try:
                return step(self, *args, **kwargs)
            finally:
                self._busy = before

    return run


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
        self._lock = threading.RLock()
        self._busy = False
        self._late: deque[bytes] = deque()
        self._making = threading.RLock()
        self._held: dict[int, list[threading.RLock]] = {}
        self._arrived = threading.Event()
        self._arrived.set()  # the first look is for what others have left, and makes the first file
        self._idle = False
        self._closed = False
        self._active: Segment | None = None
        self._spare: Segment | None = None
        self._segments.clear()
        self._left = LeftBehind(self._folder, self._own_paths, self._making)
        self._try_disk_at = 0.0
        self._source: Segment | EntryQueue | None = None
        self._turn = 0
        self._syncing = Syncing(self._fsync, self._folder)
        self._written = self._sent = 0

    def reset(self) -> None:
        """In the child after a fork: the parent's files are the parent's."""
        for segment in (*self._segments, self._spare, self._left.segment):
            if segment is not None:
                segment.close()
        self._memory.reset()
        self._reset()

    def before_fork(self) -> None:
        """Wait until no file is half made: the child would keep its lock, and nobody could read it while the child lives."""
        held = self._held.setdefault(threading.get_ident(), [])
        held += [lock for lock in (self._making, self._lock) if lock.acquire(timeout=_FORK_WAITS_S)]

    def after_fork(self) -> None:
        """Go on in the parent."""
        for lock in self._held.pop(threading.get_ident(), ()):
            lock.release()

    @property
    def accepted(self) -> int:
        """How many were put."""
        return self._memory.accepted + self._written

    def mark(self) -> tuple[int, int]:
        """Those on disk leave in their order, and those in memory in theirs."""
        return self._memory.accepted, self._written

    def passed(self, mark: tuple[int, int]) -> bool:
        """Whether as many have left from both."""
        return self._memory.done >= mark[0] and self._sent >= mark[1]

    def put(self, entry: bytes) -> bool:
        """Append to the file, or to memory; False where neither has room, or after `close`."""
        why = None
        with self._lock:
            if self._busy:  # this thread is in the middle of a step, and was interrupted: it will see to it
                self._late.append(entry)
                return True
            self._busy = True
            try:
                segment = self._active
                if segment is not None and segment.append(entry):
                    self._written += 1
                else:
                    segment, why = self._roll(entry)
                    if segment is None and (self._closed or not self._memory.put(entry)):
                        return False
                wake = self._idle
                self._idle = False
            finally:
                self._busy = False
        if why is not None:
            problems.report("spool", why)  # not under the lock: a handler of the log may emit, or wait
        if wake:
            self._arrived.set()
        if segment is not None:
            self._syncing.written(segment)
        if self._late:
            self._put_late()
        return True

    def _put_late(self) -> None:
        while self._late and not self._busy:
            self.put(self._late.popleft())

    def _roll(self, entry: bytes) -> tuple[Segment | None, str | None]:
        """Append to a new file; why not, where there can be none now."""
        if self._closed:
            return None, None
        if time.monotonic() < self._try_disk_at:
            return None, "activities wait in memory"
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
            return None, f"activities wait in memory, since {self._folder.path} takes no more: {why}"
        self._written += 1
        self._active = segment
        self._segments.append(segment)
        return segment, None

    def _new_segment(self, entry_bytes: int) -> Segment:
        room = self._max_bytes - self._folder.size()
        usual = min(SEGMENT_BYTES, self._max_bytes // 4)
        grown = min(usual << len(self._segments) // _SEGMENTS_OF_A_SIZE, self._max_bytes // _LARGEST_SHARE)
        least = max(usual, entry_bytes + 4096 + sum(map(len, self._prefix)))
        if room < least:
            raise OSError(None, f"its files have reached the limit of {self._max_bytes} bytes")
        segment = Segment.create(self._folder.new_path(), max(least, min(grown, room)), self._prefix)
        self._syncing.created()
        return segment

    def wait(self) -> bool:
        """Wait until there is something to send, or to look for."""
        return self._arrived.wait(LOOK_EVERY_S)

    def wake(self) -> None:
        """Make `wait` return."""
        self._arrived.set()

    def peek(self, max_bytes: int) -> Batch | None:
        """This process's entries on disk, those in memory, and those of processes that are gone, by turns."""
        self._put_late()
        self._turn += 1
        readers = (self._peek_own, self._peek_memory, self._peek_left)
        try:
            with self._making:
                self._prepare_spare()
            for number in range(len(readers)):
                batch = readers[(self._turn + number) % len(readers)](max_bytes)
                if batch is not None:
                    return batch
        except ValueError:  # a map that was closed meanwhile
            if not self._closed:
                raise
        self._rest()
        return None

    @_alone
    def _rest(self) -> None:
        """From now on, the first entry wakes the sender."""
        if self._nothing_waits():
            self._idle = True
            self._arrived.clear()

    @_alone
    def confirm(self, count: int) -> int:
        """The receiver has taken the first `count` of the batch."""
        return 0 if self._closed else self._leave(count, recovered=True)

    def _leave(self, count: int, *, recovered: bool) -> int:
        source = self._source
        if source is None:
            return 0
        if source is self._left.segment:
            self._left.confirm(count, recovered=recovered)
            return 0
        source.confirm(count)
        if source is not self._memory:
            self._sent += count
        return count

    def refuse(self, request: bytes) -> int:
        """It is kept apart in the folder, as a request that can be sent again by hand."""
        if self._closed:
            return 0
        if not self._folder.set_aside(request):
            problems.report("spool", "a refused activity could not be kept: no room for it")
        self._refused()
        return 1

    @_alone
    def _refused(self) -> None:
        if not self._closed:
            self._leave(1, recovered=False)

    def waiting(self) -> tuple[int, int]:
        """In memory, and on disk."""
        return self._memory.waiting()[0] + len(self._late), self._written - self._sent + self._left.waiting

    def notes(self) -> Mapping[str, int]:
        """What became of the entries of processes that are gone."""
        return {"recovered": self._left.recovered, "damaged": self._left.damaged}

    def close(self) -> int:
        """What waits in memory goes to disk where it can; what is on disk stays there for the next process."""
        lost = self._close()
        self._syncing.stop()
        return lost

    @_alone
    def _close(self) -> int:
        batch = self._memory.peek(1 << 62)
        entries = [*(batch.entries if batch is not None else ()), *self._late]
        self._late.clear()
        self._try_disk_at = 0.0
        lost = 0
        for entry in entries if not self._closed else ():
            kept = self._active is not None and self._active.append(entry)
            lost += not (kept or self._roll(entry)[0] is not None)
        self._closed = True
        for segment in (*self._segments, self._spare, self._left.close()):
            if segment is not None:
                self._let_go(segment)
        self._segments.clear()
        self._active = self._spare = self._source = None
        return lost

    def _let_go(self, segment: Segment) -> None:
        if segment.confirmed == segment.end:
            segment.remove()
            return
        if self._fsync != "never" and segment.synced < segment.end:
            try:
                segment.sync()
            except OSError as error:
                problems.report("spool", f"fsync of {segment.path} failed: {error.strerror}")
        segment.close()

    def _peek_own(self, max_bytes: int) -> Batch | None:
        while self._segments:
            segment = self._segments[0]
            batch = segment.peek(max_bytes)
            if batch is not None:
                self._source = segment
                return batch
            if self._is_over(segment):
                break
        return None

    @_alone
    def _is_over(self, segment: Segment) -> bool:
        """Begin a file in use again where all in it is confirmed, or remove it; False where there is more to read."""
        if self._closed:
            return True
        if segment.confirmed < segment.end:
            return False  # it has grown meanwhile
        if segment is self._active:
            segment.rewind()
            return True
        self._segments.popleft()
        segment.remove()
        return False

    def _peek_memory(self, max_bytes: int) -> Batch | None:
        batch = self._memory.peek(max_bytes)
        if batch is not None:
            self._source = self._memory
        return batch

    def _prepare_spare(self) -> None:
        """Have the next file ready before a caller needs it."""
        active = self._active
        if self._spare is not None or (active is not None and active.end < active.size // 2):
            return
        try:
            spare = self._new_segment(0)
        except OSError:
            return  # the caller will meet it, and say so
        self._take_spare(spare)

    @_alone
    def _take_spare(self, spare: Segment) -> None:
        if self._closed:
            spare.remove()
        else:
            self._spare = spare

    def _peek_left(self, max_bytes: int) -> Batch | None:
        batch = self._left.peek(max_bytes)
        if batch is not None:
            self._source = self._left.segment
        return batch

    @_alone
    def _own_paths(self) -> set[Path]:
        """Of the files of this process; writes no longer to one that somebody has deleted."""
        if self._active is not None and not self._active.is_there():
            self._active = None
        if self._spare is not None and not self._spare.is_there():
            self._spare.close()
            self._spare = None
        return {segment.path for segment in (*self._segments, self._spare) if segment is not None}

    def _nothing_waits(self) -> bool:
        return (
            all(segment.confirmed == segment.end for segment in self._segments)
            and not self._memory.waiting()[0]
            and not self._left.has_more()
        )
