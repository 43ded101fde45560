"""One file of a spool: preallocated, mapped into memory, appended to by one process, and read by it or by who finds it later.

Layout, little-endian: 8 bytes of magic with the version of the format; the offset up to which the receiver has said yes (u64);
CRC-32 and lengths (u32 each) of the two constant parts of a request (resource, scope), and the parts; then the entries, each with
its length and its CRC-32 (u32 each) before it. A length of zero ends them. An entry is what stands in ``ScopeLogs.log_records``.

The lock on the file (flock) says that its writer lives; the kernel lets it go with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from prelude_otel.otlp.backlog import Batch, Prefix

__all__ = ["ForeignSegmentError", "Segment"]

_MAGIC: Final = b"prelspl\x01"
_CONFIRMED: Final = Struct("<Q")
_CONFIRMED_AT: Final = len(_MAGIC)
_PARTS: Final = Struct("<III")
_PARTS_AT: Final = _CONFIRMED_AT + _CONFIRMED.size
_HEADER: Final = _PARTS_AT + _PARTS.size
_ENTRY: Final = Struct("<II")
_HEAD: Final = _ENTRY.size
_END: Final = bytes(_HEAD)
_PAGE: Final = mmap.PAGESIZE


class ForeignSegmentError(Exception):
    """The file is none of ours, or of a version that this program does not know; it is left as it is."""


class Segment:
    """A mapped file of entries. One thread appends at a time (the spool's lock); one thread reads.

    Attributes:
        end: where the next entry goes.
        confirmed: what lies before it has been taken by the receiver.
        found: whole entries that were unsent when the file was adopted.
        damaged: entries that were found with a wrong checksum then, before others that are whole.
    """

    __slots__ = (
        "_data_at",
        "_descriptor",
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

    @classmethod
    def create(cls, path: Path, size: int, prefix: Prefix) -> Segment:
        """A new file, locked, with room for an entry of `size` bytes at least, under a name that nobody else reads until it is whole.

        Raises:
            OSError: no room, no right, too many open files.
        """
        header = _MAGIC + _CONFIRMED.pack(0) + _PARTS.pack(crc32(prefix[0] + prefix[1]), len(prefix[0]), len(prefix[1]))
        data_at = len(header) + len(prefix[0]) + len(prefix[1])
        size = -(-max(size, data_at + 2 * _HEAD) // _PAGE) * _PAGE
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _allocate(descriptor, size)
            mapped = mmap.mmap(descriptor, size)
            mapped[:data_at] = header + prefix[0] + prefix[1]
            _CONFIRMED.pack_into(mapped, _CONFIRMED_AT, data_at)
            draft.rename(path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                draft.unlink()
            raise
        return cls(path, descriptor, mapped, prefix, data_at)

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """The file of a process that is gone; None where its writer lives, or the file is gone meanwhile.

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
        self._map[at : stop + _HEAD] = b"".join((_ENTRY.pack(len(entry), crc32(entry)), entry, _END))
        self.end = stop
        return True

    def peek(self, max_bytes: int) -> Batch | None:
        """The oldest entries, `max_bytes` of them or one, which stay until `confirm`; None where there are none."""
        at, end = self.confirmed, self.end
        entries: list[bytes] = []
        stops: list[int] = []
        while at < end:
            size, checksum = _ENTRY.unpack_from(self._map, at)
            start, at = at + _HEAD, at + _HEAD + size
            if entries and at - self.confirmed > max_bytes:
                break
            entry = self._map[start:at]
            if crc32(entry) == checksum:
                entries.append(entry)
                stops.append(at)
            elif entries:
                break  # what is damaged is passed over with what is confirmed before it
            else:
                self._confirm(at)
        self._stops = stops
        return Batch(self.prefix, entries) if entries else None

    def confirm(self, count: int) -> None:
        """The receiver has taken the first `count` entries that `peek` gave."""
        if count:
            self._confirm(self._stops[count - 1])
            del self._stops[:count]

    def _confirm(self, at: int) -> None:
        self.confirmed = at
        _CONFIRMED.pack_into(self._map, _CONFIRMED_AT, at)

    def rewind(self) -> None:
        """Start again at the front, where all is confirmed: pages in use already cost less than fresh ones."""
        self._map[self._data_at : self._data_at + _HEAD] = _END
        self._confirm(self._data_at)
        self.end = self.synced = self._data_at

    def sync(self) -> None:
        """Return when all that was appended before is on the device (fdatasync)."""
        end = self.end
        os.fdatasync(self._descriptor)
        self.synced = end

    def remove(self) -> None:
        """Delete the file; all in it is confirmed."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Let the file and its lock go; what is in it stays for who comes next."""
        self._map.close()
        os.close(self._descriptor)

    def _find_end(self) -> None:
        """Walk over all entries that are whole. What is torn at the end was never answered for, and does not count."""
        (self.confirmed,) = _CONFIRMED.unpack_from(self._map, _CONFIRMED_AT)
        if not self._data_at <= self.confirmed <= self.size:
            self.confirmed = self._data_at
        at = self.end = self.confirmed
        doubtful = 0
        while at + _HEAD <= self.size:
            size, checksum = _ENTRY.unpack_from(self._map, at)
            start, at = at + _HEAD, at + _HEAD + size
            if size == 0 or at > self.size:
                return
            if crc32(self._map[start:at]) == checksum:
                self.end = at
                self.found += 1
                self.damaged += doubtful
                doubtful = 0
            else:
                doubtful += 1


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
