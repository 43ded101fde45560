"""One file of the spool: what was appended is found again, whatever the process or the device did to its end."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelude_otel.spool.segment import ForeignSegmentError, Segment

PREFIX = (b"\x0a\x03abc", b"\x0a\x01s")
SIZE = 64 * 1024


def made(path: Path, entries: list[bytes], size: int = SIZE) -> Segment:
    segment = Segment.create(path, size, PREFIX)
    for entry in entries:
        assert segment.append(entry)
    return segment


def all_of(segment: Segment, max_bytes: int = 1 << 30) -> list[bytes]:
    found = []
    while (batch := segment.peek(max_bytes)) is not None:
        assert batch.prefix == PREFIX
        found += batch.entries
        segment.confirm(len(batch.entries))
    return found


def adopted(path: Path) -> Segment:
    segment = Segment.adopt(path)
    assert segment is not None
    return segment


def test_a_file_is_found_with_all_its_entries_once_its_writer_is_gone(tmp_path: Path) -> None:
    writer = made(tmp_path / "a.spool", [b"one", b"two"])
    assert Segment.adopt(tmp_path / "a.spool") is None, "its writer lives"
    writer.close()
    heir = adopted(tmp_path / "a.spool")
    assert (heir.found, heir.damaged) == (2, 0)
    assert all_of(heir) == [b"one", b"two"]
    heir.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_was_confirmed_does_not_come_again(tmp_path: Path) -> None:
    writer = made(tmp_path / "a.spool", [b"one", b"two", b"three"])
    writer.peek(1 << 30)
    writer.confirm(1)
    writer.confirm(1)
    writer.close()
    assert all_of(adopted(tmp_path / "a.spool")) == [b"three"]


def test_a_rewound_file_shows_nothing_of_before(tmp_path: Path) -> None:
    writer = made(tmp_path / "a.spool", [b"one", b"two", b"three"])
    all_of(writer)
    writer.rewind()
    assert writer.append(b"ONE")
    writer.close()
    assert all_of(adopted(tmp_path / "a.spool")) == [b"ONE"]


def test_an_entry_that_does_not_fit_is_left_out_whole(tmp_path: Path) -> None:
    segment = made(tmp_path / "a.spool", [b"x" * 3000], size=4096)
    assert not segment.append(b"y" * 3000)
    assert segment.append(b"z")
    assert all_of(segment) == [b"x" * 3000, b"z"]
    segment.close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    segment = made(tmp_path / "a.spool", [])
    assert (tmp_path / "a.spool").stat().st_mode & 0o777 == 0o600
    segment.close()


def test_a_file_with_no_room_on_the_disk_leaves_no_draft(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"File too large|No space"):
        Segment.create(tmp_path / "a.spool", 1 << 62, PREFIX)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"prelspl\x02" + bytes(100), os.urandom(4096)],
    ids=["empty", "short", "newer", "noise"],
)
def test_what_another_version_or_program_wrote_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.spool"
    path.write_bytes(content)
    with pytest.raises(ForeignSegmentError):
        Segment.adopt(path)
    assert path.read_bytes() == content


def test_a_damaged_header_is_told(tmp_path: Path) -> None:
    made(tmp_path / "a.spool", [b"one"]).close()
    with (tmp_path / "a.spool").open("r+b") as file:
        file.seek(30)
        file.write(b"?")
    with pytest.raises(ForeignSegmentError, match="damaged"):
        Segment.adopt(tmp_path / "a.spool")


def test_one_damaged_entry_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    made(path, [b"first", b"second", b"third"]).close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"second", b"sec0nd"))
    heir = adopted(path)
    assert (heir.found, heir.damaged) == (2, 1)
    assert all_of(heir) == [b"first", b"third"]
    heir.close()


@settings(max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20), st.data())
def test_a_write_that_was_torn_anywhere_costs_itself_alone(
    tmp_path_factory: pytest.TempPathFactory, entries: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "a.spool"
    writer = made(path, entries[:-1])
    begins = writer.end
    writer.append(entries[-1])
    ends = writer.end
    writer.close()
    torn_at = data.draw(st.integers(begins, ends - 1))
    content = bytearray(path.read_bytes())
    content[torn_at:ends] = bytes(ends - torn_at)
    before = bytes(content)
    path.write_bytes(before)
    whole = path.read_bytes()[begins:ends].rstrip(b"\0") == entries[-1].rstrip(b"\0")
    heir = adopted(path)
    found = all_of(heir)
    # Zeros in place of zeros tear nothing.
    assert found == entries[:-1] or (found == entries and (whole or entries[-1].endswith(b"\0")))
    heir.remove()


@settings(max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=40), st.integers(1, 700))
def test_entries_come_out_once_in_order_within_the_size(
    tmp_path_factory: pytest.TempPathFactory, entries: list[bytes], max_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("order") / "a.spool"
    segment = made(path, entries)
    assert all_of(segment, max_bytes) == entries
    segment.remove()


def test_a_file_of_the_first_version_of_the_format_is_read_by_every_later_program(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    path.write_bytes((Path(__file__).parent / "version_1.spool").read_bytes())
    heir = adopted(path)
    assert heir.prefix == PREFIX
    assert all_of(heir) == [b"\x12\x00", b"\x12\x03abc"]
    heir.close()


def with_mark(path: Path, mark: int) -> None:
    with path.open("r+b") as file:
        file.seek(8)
        file.write(mark.to_bytes(8, "little"))


@pytest.mark.parametrize("offset", [0, 1, 40, 60, SIZE - 1, SIZE + 1, (1 << 40) - 1])
def test_a_damaged_mark_of_what_was_sent_loses_nothing(tmp_path: Path, offset: int) -> None:
    entries = [b"\x12\x05first", b"\x12\x06second", b"\x12\x05third"]
    segment = made(tmp_path / "a.spool", entries)
    generation = segment._generation
    segment.close()
    with_mark(tmp_path / "a.spool", generation << 40 | offset)
    assert all_of(adopted(tmp_path / "a.spool")) == entries


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x05\x00\x00\x00", b"\x00\x10\x00\x00"])
def test_one_damaged_length_costs_no_other_entry(tmp_path: Path, length: bytes) -> None:
    path = tmp_path / "a.spool"
    entries = [b"\x12\x80\x04" + os.urandom(512) for _ in range(30)]
    made(path, entries).close()
    content = bytearray(path.read_bytes())
    at = content.index(entries[10])
    content[at - 8 : at - 4] = length
    path.write_bytes(content)
    heir = adopted(path)
    assert (heir.found, heir.damaged) == (29, 1)
    assert all_of(heir, 1500) == entries[:10] + entries[11:]
    heir.remove()


def test_a_file_that_a_power_cut_has_left_blank_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    path.write_bytes(bytes(1 << 20))
    assert Segment.adopt(path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_looks_like_an_entry_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    forged = b"\x12\x02\x10\x09"
    inside = struct.pack("<II", len(forged), zlib.crc32(forged)) + forged
    made(path, [b"\x12\x20" + inside * 3, b"\x12\x03end"]).close()
    content = bytearray(path.read_bytes())
    content[content.index(inside) - 9] ^= 1  # the length of the entry around it
    path.write_bytes(content)
    assert forged not in all_of(adopted(path))


PAGE = mmap.PAGESIZE


@settings(max_examples=int(os.environ.get("PRELUDE_TEST_POWER_CUTS", "40")), deadline=None)
@given(st.integers(0, 1 << 32), st.booleans())
def test_a_power_cut_loses_nothing_that_was_forced_onto_the_device_and_invents_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, same_size: bool
) -> None:
    """Of the pages written since the last fdatasync, the device has any; each as it was at any moment since."""
    random = Random(seed)
    path = tmp_path_factory.mktemp("cut") / "a.spool"
    segment = Segment.create(path, 4 * PAGE, PREFIX)
    versions: list[list[bytes]] = [[] for _ in range(4)]
    put: list[bytes] = []
    sent: set[bytes] = set()
    forced: set[bytes] = set()

    def snapshot() -> None:
        content = path.read_bytes()
        for number, pages in enumerate(versions):
            pages.append(content[number * PAGE : (number + 1) * PAGE])

    snapshot()
    for step in range(random.randrange(5, 120)):
        match random.randrange(10):
            case 0:
                segment.sync()
                content = path.read_bytes()
                versions = [[content[number * PAGE : (number + 1) * PAGE]] for number in range(4)]
                forced = set(put)
            case 1 | 2:
                batch = segment.peek(random.randrange(3000))
                if batch is not None:
                    segment.confirm(len(batch.entries))
                    sent |= set(batch.entries)
                if segment.confirmed == segment.end and random.random() < 0.7:
                    segment.rewind()
            case _:
                size = 200 if same_size else random.randrange(10, 900)
                entry = b"\x12%08d" % step + random.randbytes(size)
                if segment.append(entry):
                    put.append(entry)
        snapshot()
    segment.close()
    path.write_bytes(b"".join(random.choice(pages) for pages in versions))
    heir = Segment.adopt(path)
    found = all_of(heir) if heir is not None else []
    assert forced - sent <= set(found)
    assert set(found) <= set(put)
    assert len(found) == len(set(found))
    if heir is not None:
        heir.remove()


def test_a_sync_that_meets_a_new_start_at_the_front_vouches_for_nothing_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = made(tmp_path / "a.spool", [b"x" * 1000])
    fdatasync = os.fdatasync

    def meanwhile(descriptor: int) -> None:
        fdatasync(descriptor)
        all_of(segment)
        segment.rewind()
        segment.append(b"new")

    monkeypatch.setattr(os, "fdatasync", meanwhile)
    segment.sync()
    assert segment.synced < segment.end
    segment.close()
