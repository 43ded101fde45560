"""The visitor, as the program that it is."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import IO

import httpx
import pytest

from prelude_demo_crm.visitor.visits import Visits

StartCrm = Callable[..., AbstractContextManager[str]]

VISITOR = (sys.executable, "-m", "prelude_demo_crm.visitor")
ROUTES = (
    r"GET    /crm/customers 200",
    r"GET    /crm/customers/search\?q=\S+ 200",
    r"GET    /crm/customers/\d+ 200",
    r"GET    /crm/deals 200",
    r"POST   /crm/deals 201",
    r"GET    /crm/deals/\d+ 200",
    r"PATCH  /crm/deals/\d+ 200",
    r"DELETE /crm/deals/\d+ 204",
    r"GET    /crm/deals/\d+/activities 200",
    r"POST   /crm/deals/\d+/activities/notes 201",
    r"DELETE /crm/deals/\d+/activities/notes/\d+ 204",
    r"POST   /crm/deals/\d+/activities/calls 201",
    r"DELETE /crm/deals/\d+/activities/calls/\d+ 204",
    r"POST   /crm/deals/\d+/activities/meetings 201",
    r"POST   /crm/email/generate 200",
    r"POST   /crm/email/send 202",
    r"POST   /crm/customers/\d+/summary\?days_back=\d+ 201",
    r"GET    /crm/customers/\d+/summary 200",
)
MISTAKES = (
    r"GET    /crm/deals/\d+ 404",
    r"POST   /crm/deals 422",
    r"GET    /crm/customers 401",
    r"POST   /crm/email/send 502",
    r"POST   /crm/email/send 504",
)


def visit(url: str, *options: str) -> list[str]:
    """What one run of the visitor prints."""
    return subprocess.run(
        [*VISITOR, "--base-url", url, "--pace", "0", "--verbose", *options], check=True, capture_output=True, text=True
    ).stdout.splitlines()


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_each_person_does_everything_on_the_first_visit(crm_url: str, seed: str) -> None:
    said = visit(crm_url, "--visits", "1", "--seed", seed)
    for name in ("ada", "ben", "chidi", "dora"):
        own = [line.removeprefix(f"{name:<6} ") for line in said if line.startswith(name)]
        missing = [route for route in ROUTES + MISTAKES if not any(re.fullmatch(route, line) for line in own)]
        assert missing == []


def test_who_starts_the_demo_again_sees_new_sessions(crm_url: str) -> None:
    seen: list[set[str]] = []
    for _ in range(2):
        ids: set[str] = set()

        def note(request: httpx.Request, ids: set[str] = ids) -> None:
            ids |= {request.headers["X-Session-ID"]} if "X-Session-ID" in request.headers else set()

        with httpx.Client(base_url=crm_url, trust_env=False, event_hooks={"request": [note]}) as client:
            Visits(client, seed=1, pace=0, patience=10, stop=Event()).run(1)
        seen.append(ids)
    assert [len(ids) for ids in seen] == [4, 4]
    assert not seen[0] & seen[1]


def test_many_visits_meet_no_other_failures_and_leave_no_heap_of_deals(crm_url: str) -> None:
    said = visit(crm_url, "--visits", "6")
    failures = [line for line in said if not re.search(r" (200|201|202|204)$", line)]
    expected = re.compile(
        "|".join(MISTAKES) + r"|.* /crm/deals/\d+(/activities)? 404|.* /crm/email/(generate|send) 404"
    )
    assert [line for line in failures if not expected.search(line)] == []
    created = sum("POST   /crm/deals 201" in line for line in said)
    deleted = sum(bool(re.search(r"DELETE /crm/deals/\d+ 204", line)) for line in said)
    assert created - deleted <= 4 * 4


def test_the_first_visits_fit_into_a_minute_at_the_default_pace(crm_url: str) -> None:
    requests = len(visit(crm_url, "--visits", "1"))
    agent_and_mail = 4 * (0.4 + 0.8 + 1.5)
    assert requests * 0.25 + agent_and_mail < 55


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(crm_url: str, number: signal.Signals) -> None:
    with running(crm_url) as (visitor, out):
        assert out.readline()
        visitor.send_signal(number)
        assert visitor.wait(10) == 0


def test_it_waits_for_the_crm_to_come_up_and_comes_back_when_it_was_away(start_crm: StartCrm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody_home:
        port = nobody_home.getsockname()[1]
        with running(f"http://127.0.0.1:{port}") as (_, out):
            nobody_home.accept()[0].close()  # it has tried
            nobody_home.close()
            with start_crm(port):
                assert " 20" in out.readline()
            while "lost the CRM" not in out.readline():
                pass
            with start_crm(port):
                while " 20" not in out.readline():
                    pass


def test_it_gives_up_on_a_crm_that_never_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody_home:
        url = f"http://127.0.0.1:{nobody_home.getsockname()[1]}"
    run = subprocess.run([*VISITOR, "--base-url", url, "--patience", "0"], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert f"no CRM at {url} within 0 s" in run.stderr


@contextmanager
def running(url: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A visitor that runs, and what it says."""
    command = [*VISITOR, "--base-url", url, "--pace", "0.01", "--verbose"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as visitor:
        assert visitor.stdout is not None
        try:
            yield visitor, visitor.stdout
        finally:
            visitor.terminate()
