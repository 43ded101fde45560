"""One file of a spool: preallocated, mapped into memory, appended to by one process, and read by it or by who finds it later.

Layout, little-endian: 8 bytes of magic with the version of the format; the offset up to which the receiver has said yes (40 bits) and
a generation (24 bits above them); CRC-32 and lengths (u32 each) of the two constant parts of a request (resource, scope), and the
parts; then the entries, each with its length and its CRC-32 (u32 each) before it. A length of zero ends them. An entry is what stands
in ``ScopeLogs.log_records``, tag and length included.

The generation begins at random, goes up with each start at the front, and is what the CRC of an entry begins with: what an earlier
one has left in the file is never taken for an entry of this one, nor is what somebody has put into a text of his.

The lock on the file (flock) says that its writer lives; the kernel lets it go with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from prelude_otel.otlp.backlog import Batch, Prefix

__all__ = ["ForeignSegmentError", "Segment"]

_MAGIC: Final = b"prelspl\x01"
_CONFIRMED: Final = Struct("<Q")  # as CPython writes it, one store: a process that is killed leaves the old or the new
_OFFSET_BITS: Final = 40
_GENERATION_BITS: Final = 24
_CONFIRMED_AT: Final = len(_MAGIC)
_PARTS: Final = Struct("<III")
_PARTS_AT: Final = _CONFIRMED_AT + _CONFIRMED.size
_HEADER: Final = _PARTS_AT + _PARTS.size
_ENTRY: Final = Struct("<II")
_HEAD: Final = _ENTRY.size
_LENGTH: Final = Struct("<I")
_END: Final = bytes(_HEAD)
_TAG: Final = b"\x12"
"""The first byte of an entry (ScopeLogs.log_records)."""
_CHUNK: Final = 256 * 1024
_AT_ONCE: Final = 256
"""Entries after which who reads lets other threads go on: they would wait for the interpreter's 5 ms, each time that they need it."""
_REST_S: Final = 0.00005
_PAGE: Final = mmap.PAGESIZE


class ForeignSegmentError(Exception):
    """The file is none of ours, or of a version that this program does not know; it is left as it is."""


class Segment:
    """A mapped file of entries. One thread appends at a time (the spool's lock); one thread reads.

    Attributes:
        end: where the next entry goes.
        confirmed: what lies before it has been taken by the receiver.
        found: whole entries that were unsent when the file was adopted.
        damaged: places between whole entries where there was something else then.
    """

    __slots__ = (
        "_data_at",
        "_descriptor",
        "_gaps",
        "_generation",
        "_map",
        "_stops",
        "confirmed",
        "damaged",
        "end",
        "found",
        "path",
        "prefix",
        "size",
        "synced",
    )

    def __init__(self, path: Path, descriptor: int, mapped: mmap.mmap, prefix: Prefix, data_at: int) -> None:
        self.path = path
        self.prefix = prefix
        self.size = len(mapped)
        self.end = self.confirmed = self.synced = self._data_at = data_at
        self.found = self.damaged = 0
        self._descriptor = descriptor
        self._map = mapped
        self._stops: list[int] = []
        self._gaps: dict[int, int] = {}
        self._generation = 0

    @classmethod
    def create(cls, path: Path, size: int, prefix: Prefix) -> Segment:
        """A new file, locked, with room for an entry of `size` bytes at least, under a name that nobody else reads until it is whole.

        Raises:
            OSError: no room, no right, too many open files.
        """
        header = (
            _MAGIC + bytes(_CONFIRMED.size) + _PARTS.pack(crc32(prefix[0] + prefix[1]), len(prefix[0]), len(prefix[1]))
        )
        data_at = len(header) + len(prefix[0]) + len(prefix[1])
        size = -(-max(size, data_at + 2 * _HEAD) // _PAGE) * _PAGE
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _allocate(descriptor, size)
            mapped = mmap.mmap(descriptor, size)
            mapped[:data_at] = header + prefix[0] + prefix[1]
            segment = cls(path, descriptor, mapped, prefix, data_at)
            segment._generation = secrets.randbits(_GENERATION_BITS)
            segment._confirm(data_at)
            draft.rename(path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                draft.unlink()
            raise
        return segment

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """The file of a process that is gone; None where its writer lives, or the file is gone meanwhile, or was never written to.

        Raises:
            ForeignSegmentError: it can't be read.
            OSError: no right to it.
        """
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if status.st_nlink == 0:
                os.close(descriptor)
                return None
            if status.st_size < _HEADER:
                raise ForeignSegmentError(f"{path.name} has {status.st_size} bytes")
            if _is_blank(descriptor, status.st_size):
                path.unlink()
                os.close(descriptor)
                return None
            mapped = mmap.mmap(descriptor, status.st_size)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        try:
            segment = cls(path, descriptor, mapped, *_prefix_of(path, mapped))
            segment._find_end()
        except BaseException:
            mapped.close()
            os.close(descriptor)
            raise
        return segment

    def append(self, entry: bytes) -> bool:
        """Add an entry; False where it does not fit. After it returns, the entry outlives the process."""
        at = self.end
        stop = at + _HEAD + len(entry)
        if stop + _HEAD > self.size:
            return False
        # Length and checksum are in the same copy as the entry: cut off anywhere, it is told from a whole one.
        head = _ENTRY.pack(len(entry), crc32(entry, self._generation))
        self._map[at : stop + _HEAD] = b"".join((head, entry, _END))
        self.end = stop
        return True

    def peek(self, max_bytes: int) -> Batch | None:
        """The oldest entries, `max_bytes` of them or one, which stay until `confirm`; None where there are none."""
        at, end = self.confirmed, self.end
        entries: list[bytes] = []
        stops: list[int] = []
        while at < end:
            at = self._gaps.get(at, at)
            (size,) = _LENGTH.unpack_from(self._map, at)
            start, at = at + _HEAD, at + _HEAD + size
            if entries and at - self.confirmed > max_bytes:
                break
            entries.append(self._map[start:at])
            stops.append(at)
            if not len(stops) % _AT_ONCE:
                time.sleep(_REST_S)
        self._stops = stops
        return Batch(self.prefix, entries) if entries else None

    def confirm(self, count: int) -> None:
        """The receiver has taken the first `count` entries that `peek` gave."""
        if count:
            self._confirm(self._stops[count - 1])
            del self._stops[:count]

    def _confirm(self, at: int) -> None:
        self.confirmed = at
        _CONFIRMED.pack_into(self._map, _CONFIRMED_AT, self._generation << _OFFSET_BITS | at)

    def rewind(self) -> None:
        """Start again at the front, where all is confirmed: pages in use already cost less than fresh ones."""
        self._map[self._data_at : self._data_at + _HEAD] = _END
        self._generation = (self._generation + 1) % (1 << _GENERATION_BITS)
        self._confirm(self._data_at)
        self.end = self.synced = self._data_at

    def sync(self) -> None:
        """Return when all that was appended before is on the device (fdatasync)."""
        generation, end = self._generation, self.end
        os.fdatasync(self._descriptor)
        if self._generation == generation:  # else it has started again at the front meanwhile
            self.synced = max(self.synced, end)

    def is_there(self) -> bool:
        """False where somebody has deleted the file: what is in it ends with the process."""
        return os.fstat(self._descriptor).st_nlink > 0

    def remove(self) -> None:
        """Delete the file, all in it is confirmed; where that can't be, another will find nothing in it."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Let the file and its lock go; what is in it stays for who comes next."""
        self._map.close()
        os.close(self._descriptor)

    def _find_end(self) -> None:
        """Walk over all entries that are whole. What is torn at the end was never answered for, and does not count."""
        (mark,) = _CONFIRMED.unpack_from(self._map, _CONFIRMED_AT)
        self._generation = mark >> _OFFSET_BITS
        self.confirmed = self._start(mark & (1 << _OFFSET_BITS) - 1)
        at = self.end = self.confirmed
        while at + _HEAD <= self.size and self._map[at : at + _LENGTH.size] != _END[: _LENGTH.size]:
            stop = self._whole(at)
            if stop is None:
                following = self._next_whole(at)
                if following is None:
                    return
                self._gaps[at] = following
                self.damaged += 1
                at = following
            else:
                at = self.end = stop
                self.found += 1
                if not self.found % _AT_ONCE:
                    time.sleep(_REST_S)

    def _start(self, confirmed: int) -> int:
        """Where to begin: at `confirmed`, or at the front where that is no border; what is sent twice is one row in the end."""
        if not self._data_at <= confirmed <= self.size - _HEAD:
            return self._data_at
        if self._whole(confirmed) is not None:
            return confirmed
        at = self._data_at
        while at < confirmed:
            (size,) = _LENGTH.unpack_from(self._map, at)
            at += _HEAD + size if size else self.size
        return confirmed if at == confirmed else self._data_at

    def _whole(self, at: int) -> int | None:
        """Where the entry at `at` ends; None where there is none."""
        size, checksum = _ENTRY.unpack_from(self._map, at)
        stop = at + _HEAD + size
        if size == 0 or stop > self.size or crc32(self._map[at + _HEAD : stop], self._generation) != checksum:
            return None
        return int(stop)

    def _next_whole(self, at: int) -> int | None:
        """The first whole entry after what is damaged at `at`: where that says that it ends, or anywhere."""
        (size,) = _LENGTH.unpack_from(self._map, at)
        following = at + _HEAD + size
        if following + _HEAD <= self.size and self._whole(following) is not None:
            return int(following)
        at += 1 + _HEAD
        while at < self.size:
            tag = self._map.find(
                _TAG, at, min(at + _CHUNK, self.size)
            )  # in parts, since it keeps other threads waiting
            if tag < 0:
                at += _CHUNK
            elif self._whole(tag - _HEAD) is not None:
                return tag - _HEAD
            else:
                at = tag + 1
        return None


def _is_blank(descriptor: int, size: int) -> bool:
    """Whether a power cut has left nothing in it but zeros. Read to its end: a broken sector is an error here, in a map it is SIGBUS."""
    blank = True
    for at in range(0, size, _CHUNK):
        part = os.pread(descriptor, min(_CHUNK, size - at), at)
        blank = blank and part.count(0) == len(part)
    return blank


def _allocate(descriptor: int, size: int) -> None:
    """Take the room now: a full disk would otherwise be met as SIGBUS, at some later write into the map."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.pwrite(descriptor, bytes(size), 0)


def _prefix_of(path: Path, mapped: mmap.mmap) -> tuple[Prefix, int]:
    if mapped[: len(_MAGIC)] != _MAGIC:
        raise ForeignSegmentError(f"{path.name} is no spool file of a version that this program knows")
    checksum, resource, scope = _PARTS.unpack_from(mapped, _PARTS_AT)
    data_at = _HEADER + resource + scope
    parts = mapped[_HEADER:data_at]
    if len(parts) != resource + scope or crc32(parts) != checksum:
        raise ForeignSegmentError(f"the header of {path.name} is damaged")
    return (parts[:resource], parts[resource:]), data_at
