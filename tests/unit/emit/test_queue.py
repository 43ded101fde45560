"""The queue in memory: bounded, in order, and nothing leaves it before it is confirmed."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from prelude_otel.otlp.queue import EntryQueue

PREFIX = (b"resource", b"scope")


def peek(queue: EntryQueue, max_bytes: int) -> list[bytes]:
    batch = queue.peek(max_bytes)
    if batch is None:
        return []
    assert batch.prefix == PREFIX
    return batch.entries


def test_entries_stay_until_they_are_confirmed() -> None:
    queue = EntryQueue(PREFIX)
    for entry in (b"a", b"b", b"c"):
        assert queue.put(entry)
    assert peek(queue, 2) == [b"a", b"b"]
    assert peek(queue, 2) == [b"a", b"b"]
    assert queue.waiting() == (3, 0)
    assert queue.confirm(2) == 2
    assert peek(queue, 100) == [b"c"]
    assert queue.confirm(1) == 1
    assert peek(queue, 100) == []
    assert (queue.accepted, queue.done) == (3, 3)


def test_a_full_queue_refuses_the_new_entry_and_keeps_the_old_ones() -> None:
    queue = EntryQueue(PREFIX, max_bytes=10)
    assert queue.put(b"x" * 6)
    assert not queue.put(b"y" * 5)
    assert queue.put(b"z" * 4)
    assert peek(queue, 100) == [b"x" * 6, b"z" * 4]


def test_room_is_there_again_once_the_receiver_has_taken_entries() -> None:
    queue = EntryQueue(PREFIX, max_bytes=10)
    queue.put(b"x" * 10)
    peek(queue, 100)
    assert not queue.put(b"y"), "what is being sent still takes room"
    queue.confirm(1)
    assert queue.put(b"y")


def test_an_entry_larger_than_a_request_goes_alone() -> None:
    queue = EntryQueue(PREFIX)
    for entry in (b"x" * 50, b"y"):
        queue.put(entry)
    assert peek(queue, 10) == [b"x" * 50]


def test_waiting_ends_with_the_first_entry() -> None:
    queue = EntryQueue(PREFIX)
    assert not queue.wait(0)
    thread = threading.Thread(target=queue.put, args=(b"a",))
    thread.start()
    assert queue.wait(10)
    thread.join()
    peek(queue, 10)
    queue.confirm(1)
    assert peek(queue, 10) == []
    assert not queue.wait(0)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=30), st.integers(1, 50))
def test_all_entries_come_out_once_in_order_within_the_size(entries: list[bytes], max_bytes: int) -> None:
    queue = EntryQueue(PREFIX)
    for entry in entries:
        queue.put(entry)
    out: list[bytes] = []
    while batch := peek(queue, max_bytes):
        assert len(batch) == 1 or sum(map(len, batch)) <= max_bytes
        out += batch
        queue.confirm(len(batch))
    assert out == entries


def test_many_threads_lose_nothing() -> None:
    queue = EntryQueue(PREFIX)
    threads = [
        threading.Thread(target=lambda n=n: [queue.put(b"%d-%d" % (n, i)) for i in range(500)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    out: list[bytes] = []
    while len(out) < 2000:
        queue.wait(10)
        batch = peek(queue, 64)
        out += batch
        queue.confirm(len(batch))
    for thread in threads:
        thread.join()
    assert len(set(out)) == 2000
    for n in range(4):
        mine = [entry for entry in out if entry.startswith(b"%d-" % n)]
        assert mine == [b"%d-%d" % (n, i) for i in range(500)]
