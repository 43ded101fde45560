"""What a system does to a spool at the worst moment: interrupts, forks, a folder that goes, a log whose handler emits."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prelude_otel.otlp import sender as sender_module
from prelude_otel.otlp.sender import Sender
from prelude_otel.otlp.transport import Answer, Verdict
from prelude_otel.spool import Spool, left
from prelude_otel.spool import spool as spool_module
from prelude_otel.spool.folder import SpoolFolder
from prelude_otel.spool.segment import Segment

MEBIBYTE = 1024 * 1024
LONG = 30.0


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(SpoolFolder(tmp_path / "spool"), (b"", b""), max_bytes=100 * MEBIBYTE, fsync="never")
    yield opened
    opened.close()


class Receiver:
    """A transport that answers as it is told, and keeps the requests that it takes."""

    def __init__(self, verdict: Callable[[bytes], Verdict] = lambda _: Verdict.ACCEPTED) -> None:
        self.verdict = verdict
        self.taken = b""
        self.retry_after_s: float | None = 0.0

    def send(self, request: bytes, _: float) -> Answer:
        verdict = self.verdict(request)
        if verdict is Verdict.ACCEPTED:
            self.taken += request
        return Answer(verdict, self.retry_after_s)

    def close(self) -> None:
        """Nothing is open."""


def entry(number: int) -> bytes:
    return b"\x12\x0a<%08d>" % number


def sending(spool: Spool, receiver: Receiver) -> Sender:
    return Sender(spool, lambda: receiver, linger_s=0.0, timeout_s=1.0)


def entries_in(request: bytes) -> list[int]:
    return [int(part[:8]) for part in request.split(b"<")[1:]]


def test_one_that_is_refused_among_others_costs_none_of_them(spool: Spool) -> None:
    receiver = Receiver(lambda request: Verdict.REFUSED if entry(5) in request else Verdict.ACCEPTED)
    sender = sending(spool, receiver)
    for number in range(12):
        sender.put(entry(number))
    assert not sender.flush(LONG)
    assert sorted(entries_in(receiver.taken)) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert sender.dropped == {"refused": 1}
    assert spool.waiting() == (0, 0)


def test_a_refused_one_of_an_earlier_process_is_no_recovered_one(tmp_path: Path, spool: Spool) -> None:
    left = Segment.create(tmp_path / "spool" / "1.spool", 4096, (b"", b""))
    for number in range(3):
        left.append(entry(number))
    left.close()
    receiver = Receiver(lambda request: Verdict.REFUSED if entry(1) in request else Verdict.ACCEPTED)
    sender = sending(spool, receiver)
    sender.start()
    wait_for(lambda: sender.dropped["refused"] == 1 and spool.notes()["recovered"] == 2)
    assert sorted(entries_in(receiver.taken)) == [0, 2]
    sender.shutdown(LONG)


def test_once_a_receiver_that_refused_everything_is_mended_entries_travel_together_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "MAX_REFUSED_IN_A_ROW", 2)
    requests: list[bytes] = []
    mended = threading.Event()

    def verdict(request: bytes) -> Verdict:
        requests.append(request)
        return Verdict.ACCEPTED if mended.is_set() else Verdict.REFUSED

    for number in range(500):
        spool.put(entry(number))
    sender = sending(spool, Receiver(verdict))
    sender.start()
    wait_for(lambda: sender.dropped["refused"] == 2)
    mended.set()
    requests.clear()
    assert sender.flush(LONG)
    assert len(requests) < 10


def wait_for(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)


@pytest.mark.parametrize("how", [os.unlink, os.rename], ids=["not allowed", "gone"])
def test_the_sender_outlives_a_folder_that_takes_no_change(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch, how: Any
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 16 * 1024)
    away = threading.Event()
    receiver = Receiver(lambda _: Verdict.ACCEPTED if away.is_set() else Verdict.LATER)
    sender = sending(spool, receiver)
    for number in range(2000):
        sender.put(entry(number))
    if how is os.rename:
        (tmp_path / "spool").rename(tmp_path / "elsewhere")
    else:

        def read_only(*_: object, **__: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(os, "unlink", read_only)
    away.set()
    assert sender.flush(LONG)
    assert sorted(entries_in(receiver.taken)) == list(range(2000))
    sender.put(entry(2000))
    assert sender.flush(LONG)


def test_a_file_that_somebody_deletes_is_written_to_no_longer(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left, "LOOK_EVERY_S", 0.0)
    spool.put(entry(1))
    for path in (tmp_path / "spool").iterdir():
        path.unlink()
    (tmp_path / "spool").rmdir()
    assert spool.peek(1) is not None
    while spool.peek(1) is None or not list((tmp_path / "spool").iterdir()):
        pass
    spool.put(entry(2))
    assert spool._active is not None
    assert spool._active.path.exists()
    assert spool.waiting() == (0, 2)


def test_what_waits_in_memory_travels_while_new_ones_come_on_disk(spool: Spool) -> None:
    spool._memory.put(entry(0))
    seen: list[bytes] = []
    for number in range(1, 6):
        spool.put(entry(number))
        batch = spool.peek(1 << 20)
        assert batch is not None
        seen += batch.entries
        spool.confirm(len(batch.entries))
    assert entry(0) in seen


def test_a_flush_waits_for_those_in_memory_and_for_those_on_disk(spool: Spool) -> None:
    for number in range(5):
        spool.put(entry(number))
        spool._memory.put(entry(100 + number))
    mark = spool.mark()
    for number in range(10, 20):
        spool.put(entry(number))
    left = {"disk": 5, "memory": 5}
    while max(left.values()) > 0:
        assert not spool.passed(mark)
        assert spool.peek(1) is not None
        left["memory" if spool._source is spool._memory else "disk"] -= 1
        spool.confirm(1)
    assert spool.passed(mark)


def test_a_signal_handler_may_emit_in_the_middle_of_an_emit(spool: Spool) -> None:
    interrupted = 0

    def emit(*_: object) -> None:
        nonlocal interrupted
        interrupted += 1
        assert spool.put(b"\x12 signal")

    before = signal.signal(signal.SIGALRM, emit)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        put = 0
        while interrupted < 100:
            spool.put(entry(put))
            put += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    out: list[bytes] = []
    while (batch := spool.peek(1 << 20)) is not None:
        out += batch.entries
        spool.confirm(len(batch.entries))
    assert [each for each in out if each != b"\x12 signal"] == [entry(number) for number in range(put)]
    assert len(out) == put + interrupted == spool.accepted


def test_an_emit_in_the_middle_of_any_step_of_the_same_thread_is_kept(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewind = Segment.rewind

    def interrupted(segment: Segment) -> None:
        spool.put(b"\x12 finaliser")  # what garbage collection may call, at any place
        rewind(segment)

    monkeypatch.setattr(Segment, "rewind", interrupted)
    spool.put(entry(1))
    assert spool.peek(1) is not None
    spool.confirm(1)
    assert spool.peek(1) is None
    monkeypatch.undo()
    batch = spool.peek(1)
    assert batch is not None
    assert batch.entries == [b"\x12 finaliser"]
    gc.collect()


def test_a_handler_of_the_log_may_emit(tmp_path: Path) -> None:
    spool = Spool(SpoolFolder(tmp_path / "spool"), (b"", b""), max_bytes=MEBIBYTE, fsync="never")

    class Emitting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert spool.put(b"\x12 of the log")

    handler = Emitting()
    logging.getLogger("prelude_otel").addHandler(handler)
    try:
        for _ in range(2000):
            assert spool.put(b"\x12" * 1000)
    finally:
        logging.getLogger("prelude_otel").removeHandler(handler)
    assert sum(spool.waiting()) == 2001
    spool.close()


def test_after_close_nothing_is_taken(spool: Spool) -> None:
    spool.close()
    assert not spool.put(entry(1))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on: threads and fork
def test_a_child_holds_no_file_of_its_parent(tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 16 * 1024)
    sender = sending(spool, Receiver(lambda _: Verdict.LATER))
    stopping = threading.Event()

    def busy() -> None:
        while not stopping.is_set():
            sender.put(b"\x12" * 1000)

    thread = threading.Thread(target=busy)
    thread.start()
    inherited = []
    for _ in range(10):
        time.sleep(0.01)
        child = os.fork()
        if child == 0:
            os._exit(min(_open_files(tmp_path), 100))
        inherited.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stopping.set()
    thread.join()
    assert inherited == [0] * 10
    sender.shutdown(0)


def _open_files(folder: Path) -> int:
    held = 0
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 (it changes while it is read)
        try:
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:
            continue
        held += target.startswith(str(folder)) and target.endswith((".spool", ".draft"))
    return held


def test_a_receiver_that_is_long_away_costs_few_descriptors(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 64 * 1024)
    for _ in range(900):
        assert spool.put(b"\x12" * 100_000)
    assert len(list((tmp_path / "spool").iterdir())) < 100, "1,400 files of 64 KiB would be too many"


def test_a_thread_that_can_not_be_started_is_started_with_a_later_entry(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    sender = sending(spool, receiver)

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        sender.put(entry(1))
    sender.put(entry(2))
    assert sender.flush(LONG)
    assert entries_in(receiver.taken) == [1, 2]


def test_the_first_to_end_a_flush_leaves_the_others_theirs(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "FIRST_BACKOFF_S", 600.0)
    monkeypatch.setattr(sender_module, "MAX_BACKOFF_S", 600.0)
    there = threading.Event()
    receiver = Receiver(lambda _: Verdict.ACCEPTED if there.is_set() else Verdict.LATER)
    receiver.retry_after_s = None
    sender = sending(spool, receiver)
    sender.put(entry(1))
    done: list[bool] = []
    patient = threading.Thread(target=lambda: done.append(sender.flush(LONG)))
    patient.start()
    assert not sender.flush(0.3)
    there.set()
    patient.join()
    assert done == [True]
