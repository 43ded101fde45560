"""How many sockets may be open, of the process and of one token; and what the metrics say of all that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.live import Listener, listening
from tests.support.rows import make_row

PATH = "/api/analytics/live"


@pytest.fixture
def service(database: str) -> Iterator[Analytics]:
    with running_analytics(database, live_sockets=3, live_sockets_per_token=2) as running:
        yield running


def listen(service: Analytics, stack: ExitStack, token: str, **asked: Any) -> Listener:
    return stack.enter_context(listening(service.url, path=PATH, headers={"authorization": f"Bearer {token}"}, **asked))


def refused(service: Analytics, token: str) -> tuple[int, str | None, str]:
    """Status, Retry-After and detail of a handshake that is refused."""
    with ExitStack() as stack, pytest.raises(InvalidStatus) as caught:
        listen(service, stack, token)
    answer = caught.value.response
    problem = json.loads(answer.body or b"{}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["title"] == "Too many sockets"
    return answer.status_code, answer.headers.get("retry-after"), problem["detail"]


def figures(service: Analytics) -> dict[str, float]:
    """What `/metrics` says of the feed, by name without the prefix."""
    lines = httpx.get(f"{service.url}/metrics").text.splitlines()
    prefix = "prelude_analytics_live_"
    return {
        name.removeprefix(prefix): float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name.startswith(prefix)
    }


def settled(service: Analytics, name: str, value: float) -> dict[str, float]:
    """The figures, once one of them has come to `value`; a socket is counted a moment after its client has seen it close."""
    while (found := figures(service)).get(name) != value:
        time.sleep(0.02)
    return found


def test_one_token_has_so_many_sockets_and_the_process_so_many(service: Analytics) -> None:
    mine, yours = service.token("all").token, service.token("all").token
    with ExitStack() as stack:
        first = listen(service, stack, mine)
        listen(service, stack, mine)
        status, retry, said = refused(service, mine)
        assert (status, retry) == (429, "10")
        assert "this token has 2 sockets open already (PRELUDE_LIVE_SOCKETS_PER_TOKEN)" in said
        listen(service, stack, yours)
        status, retry, said = refused(service, yours)
        assert (status, retry) == (503, "10")
        assert "this process serves 3 sockets already (PRELUDE_LIVE_SOCKETS)" in said
        found = figures(service)
        assert found["sockets"] == 3
        assert found['refused_total{reason="token_full"}'] == 1
        assert found['refused_total{reason="process_full"}'] == 1
        first.socket.close()
        settled(service, "sockets", 2)
        listen(service, stack, yours)


def test_a_cookie_counts_for_the_token_that_it_began_with(service: Analytics) -> None:
    token = service.token("all").token
    answer = httpx.post(f"{service.url}/api/analytics/session", json={"token": token}, headers={"origin": service.url})
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items()), "origin": service.url}
    with ExitStack() as stack:
        listen(service, stack, token)
        stack.enter_context(listening(service.url, path=PATH, headers=headers))
        assert refused(service, token)[0] == 429


def test_a_handshake_that_is_refused_for_what_it_asks_takes_no_place(service: Analytics) -> None:
    token = service.token("all").token
    for _ in range(4):
        with ExitStack() as stack, pytest.raises(InvalidStatus):
            listen(service, stack, token, days="7")
    with ExitStack() as stack:
        listen(service, stack, token)


def test_the_metrics_tell_how_the_feed_fares(service: Analytics, writer: Writer) -> None:
    token = service.token("all")
    with ExitStack() as stack:
        client, other = (listen(service, stack, token.token) for _ in range(2))
        writer.write(Batch(rows=[make_row() for _ in range(5)]))
        for each in (client, other):
            each.until_rows(5)
        found = settled(service, "rows_total", 10)
        assert found["frames_total"] == 4  # to each the first heartbeat, and the rows
        assert found["lag_seconds_count"] == 2
        assert 0 < found["lag_seconds_sum"] < 40
        other.socket.close()
        settled(service, 'closed_total{code="1000"}', 1)
        resumed = listen(service, stack, token.token, cursor=other.cursor)
        assert resumed.receive()["type"] == "heartbeat"
        assert figures(service)["resumes_total"] == 1
        service.revoke(token)
        for each in (client, resumed):
            assert each.until_closed()[0] == 4401
        found = settled(service, "sockets", 0)
        assert found['closed_total{code="4401"}'] == 2
    assert "missed_total" in found
