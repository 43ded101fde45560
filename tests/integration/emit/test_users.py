"""Who acted, in which session, from where: set by the service, or read from what the client sent."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request

from prelude_otel import activity, emit, record, set_user
from prelude_otel.counters import stats
from prelude_otel.request import hash_cookie
from prelude_otel.testing import capture_activities
from tests.support.captured import captured_leniently
from tests.support.service import running_service


def user_by_sync_dependency(x_user: Annotated[str, Header()]) -> None:
    set_user(x_user, "session-of-dependency")


async def user_by_async_dependency(x_user: Annotated[str, Header()]) -> None:
    set_user(x_user, "session-of-dependency")


def app_with(dependency: Any = None) -> FastAPI:
    """An application with a sync and an async handler, and a background task, behind `dependency`."""
    app = FastAPI(dependencies=[Depends(dependency)] if dependency else [])

    @app.get("/sync/{deal_id}")
    @activity("crm.view_deal")
    def view(deal_id: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(background, deal_id)

    @app.get("/async/{deal_id}")
    @activity("crm.view_deal")
    async def view_async(deal_id: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(background, deal_id)

    return app


def background(deal_id: int) -> None:
    with record("crm.delete_deal", deal_id=deal_id):
        pass


@pytest.mark.parametrize("dependency", [user_by_sync_dependency, user_by_async_dependency])
@pytest.mark.parametrize("path", ["/sync/7", "/async/7"])
def test_a_user_set_in_a_dependency_is_seen_by_handler_and_background_task(dependency: Any, path: str) -> None:
    with running_service(app_with(dependency)) as service:
        service.get(path, headers={"X-User": "User@Company.com", "X-Session-ID": "header"})
    assert service.activities.names == ["crm.view_deal", "crm.delete_deal"]
    for event in service.activities:
        assert (event.user_email, event.session_id) == ("user@company.com", "session-of-dependency")


def test_users_of_different_requests_do_not_mix() -> None:
    async def ask(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await asyncio.gather(
                *(
                    client.get(f"/{'sync' if number % 2 else 'async'}/{number}", headers={"X-User": f"{number}@x"})
                    for number in range(40)
                )
            )

    with running_service(app_with(user_by_sync_dependency)) as service:
        asyncio.run(ask(service.url))
    assert {(event.user_email, event.entity_id) for event in service.activities} == {
        (f"{number}@x", str(number)) for number in range(40)
    }


def test_a_user_set_in_a_middleware_is_seen() -> None:
    app = app_with()

    @app.middleware("http")
    async def who(request: Request, call_next: Any) -> Any:
        set_user("m@x.com")
        return await call_next(request)

    with running_service(app) as service:
        service.get("/sync/7")
    assert {event.user_email for event in service.activities} == {"m@x.com"}


def test_a_refused_request_still_tells_who_it_was() -> None:
    with running_service(app_with(user_by_sync_dependency)) as service:
        service.get("/sync/seven", headers={"X-User": "u@x.com"})
    assert (service.only().user_email, service.only().handler_ran) == ("u@x.com", False)


@pytest.mark.parametrize(
    ("answer", "email", "session"),
    [
        ("User@X.com ", "user@x.com", "header"),
        (("u@x.com", "of the function"), "u@x.com", "of the function"),
        (("u@x.com", None), "u@x.com", "header"),
        ((None, "of the function"), None, "of the function"),
        (None, None, "header"),
        ("", None, "header"),
    ],
)
def test_a_function_of_the_request_says_who_it_is(answer: Any, email: str | None, session: str) -> None:
    seen: list[str] = []

    def user(request: Request) -> Any:
        seen.append(request.headers["x-token"])
        return answer

    with running_service(app_with(), user=user) as service:
        service.get("/sync/7", headers={"X-Token": "t", "X-Session-ID": "header"})
    for event in service.activities:
        assert (event.user_email, event.session_id) == (email, session)
    assert set(seen) == {"t"}


def test_what_a_dependency_says_goes_before_the_function() -> None:
    with running_service(app_with(user_by_sync_dependency), user=lambda request: "function@x.com") as service:
        service.get("/sync/7", headers={"X-User": "dependency@x.com"})
    assert {event.user_email for event in service.activities} == {"dependency@x.com"}


def test_a_dependency_may_say_that_nobody_is_known() -> None:
    def nobody() -> None:
        set_user(None)

    with running_service(app_with(nobody), user=lambda request: "function@x.com") as service:
        service.get("/sync/7")
    assert {event.user_email for event in service.activities} == {None}


class Account:
    async def __call__(self, request: Request) -> str:
        return "u@x.com"


def _raise(request: Request) -> str:
    raise LookupError("no such user")


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(
    "user",
    [
        _raise,
        lambda request: 7,
        lambda request: object(),
        lambda request: ("u@x.com", "s", "more"),
        lambda request: (1, 2),
        Account(),
    ],
    ids=["raises", "number", "object", "three", "numbers", "coroutine"],
)
def test_a_function_that_fails_costs_neither_the_request_nor_the_row(user: Any) -> None:
    with running_service(app_with(), lenient=True, user=user) as service:
        assert service.get("/sync/7").status_code == 200
    assert service.activities.names == ["crm.view_deal", "crm.delete_deal"]
    assert sum(stats().problems.values()) > 0


def test_ruling_20_a_session_cookie_is_stored_as_a_keyed_hash() -> None:
    with running_service(app_with(), session_key="pepper") as service:
        service.get("/sync/7", headers={"Cookie": "a=b; session_id=s3cret; c=d"})
        service.get("/sync/8", headers={"Cookie": "session_id=other"})
    sessions = [event.session_id for event in service.activities]
    assert sessions[0] == sessions[1] == hash_cookie("s3cret", b"pepper")
    assert sessions[0] != sessions[2]
    assert hash_cookie("s3cret", b"pepper") != hash_cookie("s3cret", b"salt")
    assert not any("s3cret" in str(event.attributes) for event in service.activities)


def test_the_header_goes_before_the_cookie() -> None:
    with running_service(app_with()) as service:
        service.get("/sync/7", headers={"X-Session-ID": "tab-1", "Cookie": "session_id=s3cret"})
    assert service.activities[0].session_id == "tab-1"


def test_header_and_cookie_may_have_other_names() -> None:
    with running_service(app_with(), session_header="X-Tab", session_cookie="sid") as service:
        service.get("/sync/7", headers={"X-Tab": "tab-1"})
        service.get("/sync/7", headers={"Cookie": "session_id=a; sid=b", "X-Session-ID": "x"})
        service.get("/sync/7", headers={"Cookie": "xsid=b"})
    assert service.activities[0].session_id == "tab-1"
    assert service.activities[2].session_id == hash_cookie("b", b"prelude-otel session")
    assert service.activities[4].session_id is None


def test_ruling_20_header_values_are_capped() -> None:
    with running_service(app_with(), trusted_proxies="127.0.0.0/8") as service:
        service.get(
            "/sync/7",
            headers={"X-Session-ID": "s" * 5000, "User-Agent": "a" * 5000, "X-Forwarded-For": "f" * 5000},
        )
    event = service.activities[0]
    assert event.session_id == "s" * 128
    assert event.user_agent == "a" * 512
    assert len(event.ip_address or "") <= 64


def test_odd_header_bytes_raise_nothing() -> None:
    with running_service(app_with()) as service:
        service.get("/sync/7", headers=[(b"X-Session-ID", b"\xff\xfe"), (b"User-Agent", b"\xe4"), (b"Cookie", b"=;;=")])
    assert service.activities[0].session_id == "\xff\xfe"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (None, ["203.0.113.7"], "127.0.0.1"),
        ("10.0.0.0/8", ["203.0.113.7"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1, 10.0.0.0/8", ["6.6.6.6, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.0/8", ["127.0.0.2"], "127.0.0.2"),
    ],
    ids=["untrusted", "other", "one hop", "two hops", "forged in front", "forged line", "IPv6", "none", "all trusted"],
)
def test_x_forwarded_for_counts_only_through_trusted_proxies(
    trusted: str | None, forwarded: list[str], address: str
) -> None:
    with running_service(app_with(), trusted_proxies=trusted) as service:
        service.get("/sync/7", headers=[("X-Forwarded-For", value) for value in forwarded])
    assert service.activities[0].ip_address == address


def test_a_worker_says_whom_it_works_for() -> None:
    with capture_activities() as activities:
        set_user("Worker@X.com", "job-1")
        background(1)
        emit("crm.delete_deal", deal_id=2)
        set_user(None)
        background(3)
        emit("crm.delete_deal", deal_id=4, user_email=" Other@X.com", session_id="own")
    seen = [(event.user_email, event.session_id) for event in activities]
    assert seen == [("worker@x.com", "job-1")] * 2 + [(None, None), ("other@x.com", "own")]


def test_threads_and_tasks_of_a_worker_do_not_mix() -> None:
    async def job(number: int) -> None:
        set_user(f"{number}@x.com")
        await asyncio.sleep(0)
        emit("crm.delete_deal", deal_id=number)

    async def jobs() -> None:
        await asyncio.gather(*(job(number) for number in range(20)))

    with capture_activities() as activities:
        asyncio.run(jobs())
    assert {(event.user_email, event.entity_id) for event in activities} == {(f"{n}@x.com", str(n)) for n in range(20)}


@pytest.mark.parametrize("session", [7, object()])
def test_an_odd_session_id_costs_no_user(session: Any) -> None:
    with captured_leniently() as activities:
        set_user("u@x.com", session)
        emit("crm.delete_deal", deal_id=1)
    assert activities.only().user_email == "u@x.com"
