"""A client that does not read costs little, and is told what it missed."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from websockets.sync.client import connect

from prelude_analytics.live.hub import Hub
from prelude_analytics.live.session import Session
from prelude_analytics.live.settings import LiveSettings
from prelude_store.writer import Batch, Writer
from tests.support.live import Listener, feed_server, listening
from tests.support.rows import make_row

_DATA = '{"note": "%s"}' % ("x" * 20_000)


@contextmanager
def stalling(url: str) -> Iterator[Listener]:
    """A client that reads nothing but what it is asked to, and for whom the system reads little."""
    address = urlsplit(url)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((address.hostname, address.port))
    live = f"ws://{address.netloc}/live"
    with connect(live, sock=plain, max_size=None, max_queue=1, ping_interval=None, close_timeout=0.1) as client:
        listener = Listener(client)
        listener.receive()
        yield listener


def write(writer: Writer, count: int) -> list[str]:
    ids = []
    for _ in range(count // 10):
        rows = [make_row(action_data=_DATA) for _ in range(10)]
        writer.write(Batch(rows=rows))
        ids += [row.event_id for row in rows]
    return ids


def let_read(stalled: Listener) -> None:
    """From now on the system reads for `stalled`, too: a window of 2 KB would make the rest come by drops."""
    stalled.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)


def held_for(hub: Hub) -> list[int]:
    """Bytes that wait in this process for each client that is stuck."""
    found = []
    for session in list(hub._sessions):
        assert isinstance(session, Session)
        if session._line.stuck_since is not None:
            hang_up = session._line._websocket.scope["extensions"]["prelude.hang_up"]
            found.append(session._subscriber.waiting_bytes + hang_up.__self__.transport.get_write_buffer_size())
    return found


def test_a_client_that_reads_late_gets_what_is_still_at_hand(reader: str, writer: Writer) -> None:
    with feed_server(reader) as (url, hub), stalling(url) as stalled, listening(url) as other:
        ids = write(writer, 150)
        other.until_rows(150)
        assert hub._sessions
        let_read(stalled)
        stalled.until_rows(150)
        assert stalled.event_ids == ids


def test_a_client_that_reads_too_late_is_told_how_many_it_missed_and_goes_on(reader: str, writer: Writer) -> None:
    with feed_server(reader, LiveSettings(ring_entries=20)) as (url, hub):
        with stalling(url) as stalled, listening(url) as other:
            ids = []
            for count in range(10, 310, 10):
                # Each in a tick of its own: a ring keeps the newest one whole, and all at once would still be at hand.
                ids += write(writer, 10)
                other.until_rows(count)
            held = held_for(hub)
            assert held
            assert max(held) < 1_000_000
            let_read(stalled)
            missed = stalled.until("missed")
            resume_at = stalled.cursor
            before = list(stalled.event_ids)
            assert missed["missed"] == 300 - len(before) == hub.metrics.missed._value.get()
            ids += write(writer, 10)
            stalled.until_rows(len(before) + 10)
            assert stalled.event_ids == before + ids[300:]
        with listening(url, resume_at) as resumed:
            resumed.until_rows(missed["missed"] + 10)
    assert Counter(before + resumed.event_ids) == Counter(ids)


def test_a_client_that_never_reads_is_sent_away(reader: str, writer: Writer) -> None:
    with feed_server(reader, LiveSettings(send_timeout=0.2)) as (url, hub), stalling(url) as stalled:
        write(writer, 150)
        while len(hub):
            time.sleep(0.01)
        let_read(stalled)
        code, reason = stalled.until_closed()
    assert code == 1013
    assert reason.startswith("too slow, ")


def test_the_server_ends_though_a_client_reads_nothing(reader: str, writer: Writer) -> None:
    with ExitStack() as server, ExitStack() as clients:
        url, hub = server.enter_context(feed_server(reader, timeout_graceful_shutdown=1))
        stalled = clients.enter_context(stalling(url))
        with listening(url) as other:
            write(writer, 150)
            other.until_rows(150)
        assert held_for(hub)
        server.close()
        assert all(name == "heartbeat" for name in (frame["type"] for frame in stalled.others))
