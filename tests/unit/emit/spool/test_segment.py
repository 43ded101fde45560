"""One file of the spool: what was appended is found again, whatever the process or the device did to its end."""

from __future__ import annotations

import os
from pathlib import Path

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


@pytest.mark.parametrize("content", [b"", b"short", b"prelspl\x02" + bytes(100), os.urandom(4096)])
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
