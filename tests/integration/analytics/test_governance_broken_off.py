"""What is broken off in the middle: an erasure by the end of its service, a download by whoever reads it."""

from __future__ import annotations

import gc
import io
import json
import os
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from prelude_analytics.access.audit import Records
from prelude_analytics.app import PREFIX
from prelude_analytics.governing import dossiers
from prelude_otel.testing import capture_activities
from prelude_store.dossier import Dossier, named, open_dossier
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
    for part, user in enumerate([ADA] * 14 + [BOB]):
        said = [json.dumps({"to": ADA, "x": os.urandom(6_000).hex()}) for _ in range(50)]
        rows = [
            make_row(user_email=user, timestamp_us=start - part * 100 - n, action_data=data)
            for n, data in enumerate(said)
        ]
        writer.write(Batch(rows=rows))
    monkeypatch.setattr(named, "_IN_MEMORY", 1_000)
    with running_analytics(filled, Records()) as running:
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
    return sorted(found)


def soon(look: Callable[[], Any], wanted: Any) -> Any:
    """What `look` finds, once that is `wanted`; at the latest after ten seconds."""
    for _ in range(200):
        if (found := look()) == wanted:
            break
        time.sleep(0.05)
    return found


@contextmanager
def asking(url: str, method: str, path: str, token: str, body: bytes = b"") -> Iterator[socket.socket]:
    """A client that has sent its request, and goes away in the end."""
    where = urlsplit(url)
    assert where.hostname is not None
    with socket.socket() as client:
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096
        )  # else the buffers on the way would take all of it
        client.settimeout(300)
        client.connect((where.hostname, where.port))
        head = (
            f"{method} {PREFIX}{path} HTTP/1.1", f"host: {where.netloc}", f"authorization: Bearer {token}",
            "content-type: application/json", f"content-length: {len(body)}", "", "",
        )  # fmt: skip
        client.sendall("\r\n".join(head).encode() + body)
        yield client


@contextmanager
def reading_little(url: str, method: str, path: str, token: str, body: bytes = b"") -> Iterator[bytes]:
    """The first bytes of an answer, of a client that takes no more of it, and then goes away."""
    with asking(url, method, path, token, body) as client:
        yield client.recv(1_000)


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """What is freed inside is freed by who has it, not by whoever collects garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
def test_a_request_whose_download_is_broken_off_is_open_again_and_nothing_is_left(service: Analytics) -> None:
    before = open_temporary_files()
    token = service.token("govern").token
    body = json.dumps({"user_email": ADA}).encode()
    with service.signed("govern") as govern:
        path = begun(govern, "access")
        for _ in range(3):  # one more than are made at once
            with reading_little(service.url, "POST", f"{path}/carry-out", token, body) as answer:
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert len(open_temporary_files()) > len(before)
                assert govern.get(path).json()["state"] == "running"
            found = ended(govern, path)
            assert (found["state"], found["failure"]) == ("open", "the download was broken off")
            assert at_work(service.database) == 0
            assert soon(open_temporary_files, before) == before
        whole = govern.post(f"{path}/carry-out", json={"user_email": ADA})
        with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
            assert archive.testzip() is None
        assert ended(govern, path)["state"] == "done"


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
@pytest.mark.parametrize("role", ["govern", "self"])
def test_an_export_that_is_broken_off_leaves_nothing_and_is_recorded_as_that(service: Analytics, role: Any) -> None:
    before = open_temporary_files()
    token = service.token(role).token
    with capture_activities() as activities:
        for _ in range(3):
            with reading_little(service.url, "GET", f"/governance/export?user_email={ADA}", token) as answer:
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert len(open_temporary_files()) > len(before)
            assert at_work(service.database) == 0
            assert soon(open_temporary_files, before) == before
        soon(lambda: len(activities), 6)
    assert [(one.action_name, one.result_status, one.error_type) for one in activities] == [
        ("export_person", "success", None), ("export_person", "error", "499"),
    ] * 3  # fmt: skip


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
def test_who_goes_away_before_an_export_begins_leaves_nothing(
    service: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, gone = threading.Event(), threading.Event()

    def late(*given: Any, **more: Any) -> Dossier:
        looking.set()
        assert gone.wait(30)
        return open_dossier(*given, **more)

    monkeypatch.setattr(dossiers, "open_dossier", late)
    before = open_temporary_files()
    token = service.token("govern").token
    with service.signed("govern") as govern, capture_activities() as activities:
        path = begun(govern, "access")
        for _ in range(3):  # one more than are made at once
            looking.clear()
            gone.clear()
            with asking(
                service.url, "POST", f"{path}/carry-out", token, json.dumps({"user_email": ADA}).encode()
            ) as client:
                assert looking.wait(30)
                client.setblocking(False)
                with pytest.raises(BlockingIOError):
                    client.recv(1)
                assert govern.get(path).json()["state"] == "running"
            found = ended(govern, path)
            gone.set()
            assert (found["state"], found["failure"]) == ("open", "who asked for it has gone away")
            assert soon(lambda: dossiers.free._value, dossiers.AT_ONCE) == dossiers.AT_ONCE
            assert at_work(service.database) == 0
            assert soon(open_temporary_files, before) == before
        assert govern.post(f"{path}/carry-out", json={"user_email": ADA}).status_code == 200
    assert [one.error_type for one in activities if one.result_status == "error"] == ["499"] * 3
