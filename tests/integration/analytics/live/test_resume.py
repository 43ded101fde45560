"""Who comes back with a cursor gets the rest: each row once, whatever ended the socket."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from prelude_analytics.cursors import Watermark
from prelude_analytics.live.settings import LiveSettings
from prelude_store.writer import Batch, Writer
from tests.support.live import feed_server, listening
from tests.support.rows import make_row

_USERS: Final = ("her@company.com", "him@company.com")


class Writing:
    """Two writers, each in a lane of its own, that write small batches until told to stop."""

    def __init__(self, *writers: Writer) -> None:
        self.event_ids: dict[str, list[str]] = {user: [] for user in _USERS}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(len(writers))
        self._running = [self._pool.submit(self._write, writer) for writer in writers]

    def _write(self, writer: Writer) -> None:
        while not self._stop.is_set():
            rows = [make_row(user_email=user) for user in _USERS for _ in range(3)]
            writer.write(Batch(rows=rows))
            with self._lock:
                for row in rows:
                    self.event_ids[row.user_email or ""].append(row.event_id)
            self._stop.wait(0.002)

    def stop(self) -> None:
        self._stop.set()
        for one in self._running:
            one.result()
        self._pool.shutdown()


@pytest.mark.parametrize(
    "settings", [LiveSettings(), LiveSettings(ring_entries=20)], ids=["from-memory", "from-the-log"]
)
def test_each_row_comes_once_across_restarts_of_the_server_while_rows_arrive(
    reader: str, writer: Writer, second_writer: Writer, settings: LiveSettings
) -> None:
    got: dict[str | None, list[str]] = {user: [] for user in (None, *_USERS)}
    cursors: dict[str | None, str | None] = dict.fromkeys(got)
    with feed_server(reader, settings) as (url, _), listening(url) as client:
        cursors = dict.fromkeys(got, client.cursor)
    writing = Writing(writer, second_writer)

    def listen(user: str | None, url: str, least: int) -> None:
        """Until so many rows have come, and then, with the socket open, until the server ends."""
        with listening(url, cursors[user], **({"user_email": user} if user else {})) as client:
            client.until_rows(least)
            told.release()
            assert client.until_closed()[0] == 1012
        got[user] += client.event_ids
        cursors[user] = client.cursor

    told = threading.Semaphore(0)
    for _life in range(3):
        with ThreadPoolExecutor(len(got)) as pool:
            with feed_server(reader, settings) as (url, _):
                listeners = [pool.submit(listen, user, url, 40) for user in got]
                for _ in got:
                    assert told.acquire(timeout=30)
            for listener in listeners:
                listener.result()
    writing.stop()
    with feed_server(reader, settings) as (url, _):
        for user, ids in got.items():
            written = [each for name, some in writing.event_ids.items() if user in {None, name} for each in some]
            with listening(url, cursors[user], **({"user_email": user} if user else {})) as client:
                client.until_rows(len(written) - len(ids))
                while client.others == []:
                    client.receive()
            assert Counter(ids + client.event_ids) == Counter(written)


def test_a_cursor_of_another_process_leaves_no_gap(reader: str, writer: Writer, second_writer: Writer) -> None:
    with feed_server(reader) as (one, _), feed_server(reader) as (other, _), listening(one) as first, listening(other):
        ids = []
        for turn in range(6):
            rows = [make_row() for _ in range(5)]
            (writer, second_writer)[turn % 2].write(Batch(rows=rows))
            ids += [row.event_id for row in rows]
        first.until_rows(5)
        with listening(other, first.cursor) as second:
            second.until_rows(len(ids) - len(first.rows))
    assert first.event_ids + second.event_ids == ids or Counter(first.event_ids + second.event_ids) == Counter(ids)


def test_a_cursor_too_far_behind_is_told_what_to_do(reader: str, writer: Writer) -> None:
    with feed_server(reader, LiveSettings(behind=10)) as (url, hub), listening(url) as client:
        cursor = client.cursor
        writer.write(Batch(rows=[make_row() for _ in range(11)]))
        client.until_rows(11)
        with listening(url, cursor) as late:
            error = late.receive()
            assert late.until_closed()[0] == 4410
        writer.write(Batch(rows=[make_row()]))
        client.until_rows(12)
    assert error["status"] == 410
    assert hub.metrics._refused.labels("cursor_too_old")._value.get() == 1
    assert "11 rows and amendments were committed since this cursor, and at most 10 are resumed" in error["detail"]
    assert "/api/analytics/export.ndjson" in error["detail"]


def test_a_cursor_of_another_database_is_refused(reader: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    with feed_server(reader, LiveSettings(patience=0.3)) as (url, _), listening(url) as client:
        assert client.cursor is not None
        mark = Watermark.read(client.cursor)
        for lanes in ({1: 10**12}, {99: 1}):
            with listening(url, Watermark(lanes, mark.cut).token) as stranger:
                assert stranger.receive()["title"] == "cursor is ahead of the log"
                assert stranger.until_closed()[0] == 4409
