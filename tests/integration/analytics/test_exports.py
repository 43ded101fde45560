"""Exports: as much as the list has, in little memory, for as long as somebody takes it who may."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from prelude_analytics.answers import export
from prelude_analytics.answers.rows import portion
from prelude_store.writer import Batch, Writer
from tests.support.analytics import running_analytics
from tests.support.rows import make_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.analytics import Analytics

ROWS = 2_500
BYTES = 8_000
AT_ONCE = 25


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each portion had, of exports that read few rows at once."""
    read: list[int] = []

    async def counted(*asked: Any) -> Any:
        found = await portion(*asked)
        read.append(len(found.rows))
        return found

    monkeypatch.setattr(export, "portion", counted)
    monkeypatch.setattr(export, "_AT_ONCE", AT_ONCE)
    return read


@pytest.fixture
def service(database: str, writer: Writer) -> Iterator[Analytics]:
    """A log that is larger than what waits between a server and a client."""
    writer.write(Batch(rows=[make_row(action_data=f'{{"text":"{"x" * BYTES}"}}') for _ in range(ROWS)]))
    with running_analytics(database) as running:
        yield running


def ended(service: Analytics, route: str) -> bool:
    """Whether an answer of the route has ended."""
    return (
        f'prelude_analytics_requests_total{{route="/api/analytics{route}"' in httpx.get(f"{service.url}/metrics").text
    )


@pytest.mark.parametrize("route", ["/export.csv", "/export.ndjson"])
def test_nothing_more_is_read_for_a_client_that_has_left(service: Analytics, portions: list[int], route: str) -> None:
    with service.signed() as client, client.stream("GET", route) as answer:
        next(answer.iter_raw())
    until = time.monotonic() + 10
    while not ended(service, route) and time.monotonic() < until:
        time.sleep(0.02)
    assert ended(service, route)
    read = sum(portions)
    assert 0 < read < ROWS
    time.sleep(0.2)
    assert sum(portions) == read


@pytest.mark.parametrize("route", ["/export.csv", "/export.ndjson"])
def test_an_export_ends_with_its_token(service: Analytics, portions: list[int], route: str) -> None:
    token = service.token()
    headers = {"authorization": f"Bearer {token.token}"}
    with service.client.stream("GET", route, headers=headers) as answer:
        parts = answer.iter_raw()
        received = len(next(parts))
        service.revoke(token)
        until = time.monotonic() + 10
        while not ended(service, route) and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises(httpx.RemoteProtocolError):
            received += sum(len(part) for part in parts)
    assert 0 < received < ROWS * BYTES
    assert sum(portions) < ROWS


def test_no_transaction_stays_open_while_a_client_takes_its_time(
    service: Analytics, portions: list[int], superuser: psycopg.Connection[Any]
) -> None:
    with service.signed() as client, client.stream("GET", "/export.ndjson") as answer:
        parts = answer.iter_raw()
        next(parts)
        still = threading.Event()
        before = -1
        while before != len(portions):  # until the server waits for the client
            before = len(portions)
            still.wait(0.3)
        assert sum(portions) < ROWS
        (busy,) = superuser.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prelude-analytics' AND state <> 'idle'"
        ).fetchone() or (None,)
        assert busy == 0
        for _ in parts:
            pass
    assert sum(portions) == ROWS
