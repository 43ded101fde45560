"""The backlog on disk: what is put is there until it is confirmed, in this process or a later one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prelude_otel import problems
from prelude_otel.errors import ConfigurationError
from prelude_otel.otlp.encode import export_request
from prelude_otel.spool import Spool, left
from prelude_otel.spool import spool as spool_module
from prelude_otel.spool.folder import SpoolFolder
from prelude_otel.spool.segment import Segment

PREFIX = (b"\x0a\x03abc", b"\x0a\x01s")
OTHER = (b"\x0a\x05other", b"\x0a\x01s")
MEBIBYTE = 1024 * 1024

Open = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the spool in one folder, as often as a test has processes."""
    spools = []

    def open_spool(prefix: tuple[bytes, bytes] = PREFIX, *, mebibytes: int = 100, fsync: str = "never") -> Spool:
        spool = Spool(SpoolFolder(tmp_path / "spool"), prefix, max_bytes=mebibytes * MEBIBYTE, fsync=fsync)  # type: ignore[arg-type]
        spools.append(spool)
        return spool

    yield open_spool
    for spool in spools:
        spool.close()


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes' files are looked for whenever there is nothing of one's own."""
    monkeypatch.setattr(left, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(spool_module, "_TRY_DISK_EVERY_S", 0.0)


def drained(spool: Spool, max_bytes: int = 2 * MEBIBYTE) -> list[bytes]:
    out = []
    while (batch := spool.peek(max_bytes)) is not None:
        out += batch.entries
        spool.confirm(len(batch.entries))
    return out


def files(tmp_path: Path, suffix: str = ".spool") -> list[Path]:
    return sorted(path for path in (tmp_path / "spool").iterdir() if path.suffix == suffix)


def leave(spool: Spool) -> None:
    """What kill -9 does: the files stay as they are, without their locks."""
    for segment in (*spool._segments, spool._spare):
        if segment is not None:
            segment.close()
    spool._segments.clear()
    spool._active = spool._spare = None


def test_what_is_put_comes_out_in_order_and_leaves_when_confirmed(opened: Open) -> None:
    spool = opened()
    for number in range(100):
        assert spool.put(b"%d" % number)
    assert spool.waiting() == (0, 100)
    batch = spool.peek(1 << 20)
    assert batch is not None
    mark = spool.mark()
    assert (spool.accepted, spool.passed(mark)) == (100, False)
    assert spool.confirm(40) == 40
    assert spool.waiting() == (0, 60)
    assert batch.entries[40:] + drained(spool) == [b"%d" % number for number in range(40, 100)] * 2
    assert (spool.passed(mark), spool.waiting()) == (True, (0, 0))


def test_what_a_dead_process_left_is_sent_with_its_own_resource(opened: Open, tmp_path: Path) -> None:
    first = opened(OTHER)
    for number in range(10):
        first.put(b"%d" % number)
    batch = first.peek(1)
    assert batch is not None
    first.confirm(1)
    leave(first)
    heir = opened()
    found = heir.peek(1 << 20)
    assert found is not None
    assert found.prefix == OTHER
    assert found.entries == [b"%d" % number for number in range(1, 10)]
    assert heir.waiting() == (0, 9)
    assert heir.confirm(9) == 0, "none of them was put by this process"
    assert heir.peek(1) is None
    assert heir.notes() == {"recovered": 9, "damaged": 0}
    assert (heir.accepted, heir.waiting()) == (0, (0, 0))
    heir.close()
    assert files(tmp_path) == []


def test_two_processes_share_a_folder_and_never_an_entry(opened: Open) -> None:
    left, right = opened(), opened()
    for number in range(1000):
        (left if number % 2 else right).put(b"%d" % number)
    assert drained(left) == [b"%d" % number for number in range(1, 1000, 2)]
    assert drained(right) == [b"%d" % number for number in range(0, 1000, 2)]


def test_one_heir_takes_a_file_of_the_dead(opened: Open) -> None:
    dead = opened()
    dead.put(b"x")
    leave(dead)
    first, second = opened(), opened()
    assert first.peek(1) is not None
    assert second.peek(1) is None
    first.close()
    assert second.peek(1) is not None, "it was not confirmed"


def test_own_entries_and_those_of_the_dead_take_turns(opened: Open) -> None:
    dead = opened(OTHER)
    for _ in range(4):
        dead.put(b"dead")
    leave(dead)
    heir = opened()
    seen = []
    for _ in range(8):
        heir.put(b"own")
    for _ in range(8):
        batch = heir.peek(1)
        assert batch is not None
        seen.append(batch.entries[0])
        heir.confirm(1)
    assert seen.count(b"dead") == 4, "neither waits for the other to end"


def test_many_files_are_filled_and_leave_when_confirmed(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    entries = [os.urandom(100_000) for _ in range(400)]
    for entry in entries:
        assert spool.put(entry)
    assert len(files(tmp_path)) >= 5
    assert drained(spool) == entries
    assert len(files(tmp_path)) <= 2, "the active one, and one in reserve"
    spool.close()
    assert files(tmp_path) == []


def test_an_entry_larger_than_a_file_has_one_of_its_own(opened: Open) -> None:
    spool = opened()
    large = os.urandom(20 * MEBIBYTE)
    assert spool.put(b"before")
    assert spool.put(large)
    assert spool.put(b"after")
    assert drained(spool) == [b"before", large, b"after"]


def test_a_folder_at_its_limit_makes_the_new_wait_in_memory_and_says_so(opened: Open) -> None:
    spool = opened(mebibytes=4)
    entries = [b"%07d" % number * 1000 for number in range(1000)]
    for entry in entries:
        assert spool.put(entry)
    in_memory, on_disk = spool.waiting()
    assert in_memory + on_disk == 1000
    assert 0 < on_disk * 7000 <= 4 * MEBIBYTE
    assert problems.counts()["spool"] == in_memory
    assert sorted(drained(spool)) == entries
    spool.put(b"again")
    assert spool.waiting() == (0, 1), "there is room again"


def test_what_neither_disk_nor_memory_takes_is_refused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelude_otel.otlp.queue.MAX_BYTES", 1000)
    spool = opened(mebibytes=1)
    spool._memory._max_bytes = 1000
    taken = sum(spool.put(b"x" * 900) for _ in range(3000))
    assert taken < 3000
    assert sum(spool.waiting()) == taken == spool.accepted


def test_what_waits_in_memory_goes_to_disk_at_the_end_where_it_can(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()

    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "create", full)
        for number in range(3):
            assert spool.put(b"%d" % number)
        assert spool.waiting() == (3, 0)
    assert spool.close() == 0
    assert drained(opened()) == [b"0", b"1", b"2"]


def test_what_stays_in_memory_at_the_end_is_counted_as_lost(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened()

    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "create", full)
    for number in range(3):
        assert spool.put(b"%d" % number)
    assert spool.close() == 3


def test_a_refused_entry_is_kept_apart_as_a_request(opened: Open, tmp_path: Path) -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    record = b"\x12\x02\x10\x09"  # ScopeLogs.log_records: a LogRecord of severity 9
    spool = opened((b"", b""))
    spool.put(record)
    spool.put(record)
    batch = spool.peek(1 << 20)
    assert batch is not None
    assert spool.refuse(export_request(batch.prefix, batch.entries[:1])) == 1
    assert spool.waiting() == (0, 1)
    (kept,) = files(tmp_path, ".refused")
    request = ExportLogsServiceRequest.FromString(kept.read_bytes())
    assert [each.severity_number for each in request.resource_logs[0].scope_logs[0].log_records] == [9]
    assert drained(spool) == [record]


def test_files_that_this_program_does_not_know_stay(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    newer = tmp_path / "spool" / "00000000000000000001-1-00000000.spool"
    newer.write_bytes(b"prelspl\x09" + bytes(4096))
    spool.put(b"x")
    assert drained(spool) == [b"x"]
    assert newer.exists()


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_each_policy_keeps_what_is_put(opened: Open, fsync: str) -> None:
    spool = opened(fsync=fsync)
    for number in range(20):
        spool.put(b"%d" % number)
    spool.close()
    assert drained(opened()) == [b"%d" % number for number in range(20)]


def test_always_means_that_it_is_on_the_device_when_put_returns(opened: Open) -> None:
    spool = opened(fsync="always")
    for number in range(5):
        spool.put(b"%d" % number)
        assert spool._active is not None
        assert spool._active.synced == spool._active.end


def test_a_folder_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"spool=.*can't be used: .*Not a directory"):
        SpoolFolder(tmp_path / "file" / "spool")


def test_many_threads_lose_nothing(opened: Open) -> None:
    spool = opened()
    threads = [
        threading.Thread(target=lambda n=n: [spool.put(b"%d-%d" % (n, i)) for i in range(500)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    out: list[bytes] = []
    while len(out) < 2000:
        out += drained(spool, 64)
    for thread in threads:
        thread.join()
    for n in range(4):
        mine = [entry for entry in out if entry.startswith(b"%d-" % n)]
        assert mine == [b"%d-%d" % (n, i) for i in range(500)]
