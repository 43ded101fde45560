"""An erasure that its service breaks off in the middle, since it ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import psycopg
import pytest

from prelude_store.erasure import rows as erasing
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, running_analytics
from tests.support.rows import make_row, now_us

ROWS = 3_000
_AT_WORK = ("prelude-analytics-request",)


@pytest.fixture
def filled(database: str, writer: Writer) -> str:
    start = now_us()
    writer.write(Batch(rows=[make_row(user_email=ADA, timestamp_us=start - n) for n in range(ROWS)]))
    return database


def begun(client: httpx.Client, kind: str) -> str:
    number = client.post("/governance/requests", json={"kind": kind, "user_email": ADA}).json()["id"]
    return f"/governance/requests/{number}"


def of_ada(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM user_activity_logs WHERE user_email = %s", [ADA]).fetchone()
    assert row is not None
    return int(row[0])


def at_work(database: str) -> int:
    """Connections of what takes long, once they had time to end."""
    with psycopg.connect(database, autocommit=True) as connection:
        for _ in range(100):
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY (%s)", [list(_AT_WORK)]
            ).fetchone()
            if row == (0,):
                return 0
            time.sleep(0.05)
    assert row is not None
    return int(row[0])


def ended(client: httpx.Client, path: str) -> dict[str, Any]:
    """The request, once nobody is at work at it."""
    for _ in range(600):
        found: dict[str, Any] = client.get(path).json()
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_a_service_that_ends_in_the_middle_of_an_erasure_ends_it_cleanly_and_the_next_one_goes_on(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, first, stopping = erasing.Batches._once, threading.Event(), list[threading.Event]()

    def slow(self: Any, batch: Any, **how: Any) -> int:
        if first.is_set():
            assert stopping[0].wait(30)
        done = once(self, batch, **how)
        first.set()
        return done

    monkeypatch.setattr(erasing.Batches, "_once", slow)
    with running_analytics(filled) as service:
        jobs = service.app.state.office.jobs
        stopping.append(jobs._ending)
        with service.signed("govern") as govern:
            path = begun(govern, "erasure")
            assert govern.post(f"{path}/carry-out", json={"user_email": ADA}).status_code == 202
            assert first.wait(30)
    assert jobs._threads == {}
    assert at_work(filled) == 0
    left = of_ada(filled)
    assert 0 < left < ROWS
    with running_analytics(filled) as next_one, next_one.signed("govern") as govern:
        shown = govern.get(path).json()
        assert (shown["state"], shown["progress"]) == ("running", None)
        assert of_ada(filled) == left  # nobody begins it by himself: its address is nowhere
        assert govern.post(f"{path}/carry-out", json={"user_email": ADA}).status_code == 202
        done = ended(govern, path)
        receipt = govern.get(f"/governance/receipts/{done['receipt']}").json()["receipt"]
    assert (done["state"], receipt["counts"]["rows"], of_ada(filled)) == ("done", ROWS, 0)
