"""The database goes and comes back under open sockets: a real restart of a server of the test's own."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from prelude_analytics.live.settings import LiveSettings
from prelude_store.embedded import EmbeddedPostgres
from prelude_store.writer import Batch, Writer
from tests.support.analytics import running_analytics
from tests.support.live import Listener, feed_server, listening
from tests.support.postgres import TestServer, as_role, embedded_server
from tests.support.rows import make_row

PATH = "/api/analytics/live"


@dataclass
class Restartable:
    """A server of our own, and a database on it."""

    server: EmbeddedPostgres
    url: str

    def write(self, count: int) -> list[str]:
        """Rows, each committed by itself; gives their ids."""
        rows = [make_row() for _ in range(count)]
        writer = Writer(self.url)
        for row in rows:
            writer.write(Batch(rows=[row]))
        writer.close()
        return [row.event_id for row in rows]


@pytest.fixture
def postgresql() -> Iterator[Restartable]:
    # A short path, not tmp_path: the path of a socket is limited, and beyond the limit it would be another after a restart.
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as folder, embedded_server(Path(folder)) as server:
        yield Restartable(server, TestServer(server.url).create_database())


def standing(client: Listener) -> str:
    """The `as_of` of heartbeats, when it has come to stand still."""
    last = client.until("heartbeat")["as_of"]
    while (following := client.until("heartbeat")["as_of"]) != last:
        last = following
    return str(last)


def test_the_feed_goes_on_by_itself_without_gap_or_repeat(postgresql: Restartable) -> None:
    settings = LiveSettings(heartbeat=0.0, patience=0.3)
    with feed_server(as_role(postgresql.url, "reader"), settings) as (url, _), listening(url) as client:
        ids = postgresql.write(3)
        client.until_rows(3)
        for _ in range(2):
            postgresql.server.stop()
            stood = standing(client)
            with listening(url, client.cursor) as late:
                assert late.receive()["title"] == "database is away"
                assert late.until_closed() == (1013, "database is away")
            postgresql.server.start()
            ids += postgresql.write(20)
            client.until_rows(len(ids))
            assert client.until("heartbeat")["as_of"] > stood
        with listening(url, client.cursor) as late:
            ids += postgresql.write(1)
            late.until_rows(1)
            client.until_rows(len(ids))
    assert client.event_ids == ids
    assert late.event_ids == ids[-1:]


def test_a_restart_costs_nobody_who_comes_back_late_a_refusal(postgresql: Restartable) -> None:
    settings = LiveSettings(ring_entries=5)
    with feed_server(as_role(postgresql.url, "reader"), settings) as (url, _), listening(url) as client:
        cursor = client.cursor
        ids = postgresql.write(50)
        client.until_rows(50)
        with listening(url, cursor) as late:  # reads by the connection that is kept for those who come late
            late.until_rows(50)
        postgresql.server.stop()
        postgresql.server.start()
        ids += postgresql.write(1)
        client.until_rows(51)
        with listening(url, cursor) as later:
            later.until_rows(51)
    assert client.event_ids == later.event_ids == ids


def test_who_comes_while_nobody_listened_across_a_restart_hears_only_what_commits_from_then_on(
    postgresql: Restartable,
) -> None:
    with feed_server(as_role(postgresql.url, "reader")) as (url, hub):
        with listening(url) as first:
            postgresql.write(1)
            first.until_rows(1)
        postgresql.server.stop()
        while hub._tailing.ready.is_set():
            time.sleep(0.01)
        postgresql.server.start()
        postgresql.write(5)
        with listening(url) as second:
            ids = postgresql.write(1)
            second.until_rows(1)
    assert second.event_ids == ids


def test_the_service_refuses_new_sockets_meanwhile_and_keeps_its_old_ones(postgresql: Restartable) -> None:
    with running_analytics(postgresql.url) as service:
        token = service.token("all")
        headers = {"authorization": f"Bearer {token.token}"}
        with listening(service.url, path=PATH, headers=headers) as client:
            postgresql.server.stop()
            with (
                pytest.raises(InvalidStatus) as refused,
                listening(service.url, path=PATH, headers=headers, cursor=client.cursor),
            ):
                pass
            answer = refused.value.response
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert json.loads(answer.body or b"{}")["title"] == "Database away"
            postgresql.server.start()
            ids = postgresql.write(3)
            client.until_rows(3)
            while httpx.get(f"{service.url}/readyz").status_code != 200:
                time.sleep(0.05)
            with listening(service.url, path=PATH, headers=headers, cursor=client.cursor) as second:
                ids += postgresql.write(1)
                client.until_rows(4)
                second.until_rows(1)
            service.revoke(token)
            assert client.until_closed()[0] == 4401
    assert client.event_ids == ids
