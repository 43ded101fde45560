"""What is broken off in the middle: an erasure by the end of its service, a download by whoever reads it."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from prelude_store.dossier import named
from prelude_store.erasure import rows as erasing
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.rows import make_row, now_us

ROWS = 3_000
_AT_WORK = ("prelude-analytics-request", "prelude-analytics-dossier")


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


@pytest.fixture
def service(filled: str, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Analytics]:
    """With so much to hand out that it does not fit into the buffers on its way, and mentions that are kept in a file meanwhile."""
    start = now_us()
    for part in range(0, 1_000, 50):
        data = [json.dumps({"to": ADA, "x": os.urandom(6_000).hex()}) for _ in range(50)]
        writer.write(
            Batch(
                rows=[
                    make_row(user_email=BOB, timestamp_us=start - part - n, action_data=one)
                    for n, one in enumerate(data)
                ]
            )
        )
    monkeypatch.setattr(named, "_IN_MEMORY", 1_000)
    with running_analytics(filled) as running:
        yield running


def open_temporary_files() -> list[str]:
    """Those of this process that are in no folder any more."""
    found = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            target = str(number.readlink())
        except OSError:
            continue
        if target.endswith("(deleted)"):
            found.append(target)
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
def test_a_download_that_is_broken_off_ends_the_work_and_leaves_nothing(service: Analytics) -> None:
    before = open_temporary_files()
    with service.signed("govern") as govern:
        path = begun(govern, "access")
        for _ in range(3):  # one more than are made at once
            with govern.stream("POST", f"{path}/carry-out", json={"user_email": ADA}) as answer:
                assert answer.status_code == 200
                assert next(answer.iter_raw(1_000))
                assert len(open_temporary_files()) > len(before)
            found = ended(govern, path)
            assert (found["state"], found["failure"]) == ("open", "the download was broken off")
            assert at_work(service.database) == 0
            assert open_temporary_files() == before
        whole = govern.post(f"{path}/carry-out", json={"user_email": ADA})
        with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
            assert archive.testzip() is None
        assert ended(govern, path)["state"] == "done"
