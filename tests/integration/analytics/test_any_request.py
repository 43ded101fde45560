"""Whatever is asked, by parameters, bodies and cursors that nobody foresaw: an answer, or a problem that names what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelude_analytics.app import PREFIX, make_app
from prelude_analytics.cursors import pack, unpack
from prelude_analytics.settings import Settings
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import connected
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row

MORE: Final = os.environ.get("PRELUDE_FUZZ_CASES")
some: Final = settings(max_examples=int(MORE or 60), derandomize=MORE is None)

DOCUMENT: Final = make_app(Settings(database_url="")).openapi()
OPERATIONS: Final = [
    (method, path.removeprefix(PREFIX), operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method == "get"
]
STRANGE: Final = (
    "", " ", "\x00", "a\x00b", "a" * 3_000, "%", "%00", "'", "';--", "é", "\U0001f984", "\u202e", "-1", "0", "1", "1e9", "NaN", "null", "[]",
    "9" * 30, "9" * 5_000, "true", "2026-02-30", "2026-03-01", "2026-03-08", "0001-01-01", "9999-12-31T23:59:59.999999+14:00",
    "2026-01-01T00:00:00+99:99", "1970-01-01", "2199-12-31", "2026-03-29T02:30:00", "../../etc/passwd", "Europe", "posixrules", "Europe/Berlin",
    "Asia/Kolkata", "UTC", "crm", "crm.create_deal", "error", "pending", "hour", "15min", "month", "ADA@company.com", "a@b", "@", "session-abc", "789", "deal",
)  # fmt: skip
texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
jsons: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(STRANGE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FUNNEL: Final[dict[str, Any]] = {
    "steps": [{"actions": ["crm.view_customer"]}, {"actions": ["crm.create_deal"], "result_status": "success"}],
    "order": "ordered",
    "window": 3600,
    "exclusions": [{"actions": ["crm.send_email"]}],
    "breakdown": "service_name",
    "top": 3,
    "people": {"step": 1, "outcome": "reached", "limit": 10, "cursor": None},
}

GOVERNED: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("POST", "/requests", {"kind": "access", "user_email": BOB, "received_at": "2026-11-01T00:00:00Z", "note": "a"}),
    ("POST", "/requests", {"kind": "rename", "user_email": BOB, "new_user_email": "x@company.com"}),
    ("POST", "/requests/1/extend", {"months": 1, "reason": "a"}),
    ("POST", "/requests/1/close", {"outcome": "done", "reason": "a"}),
    ("POST", "/requests/1/carry-out", {"user_email": ADA}),
    ("PUT", "/policies", {"action_type": "crm", "action_name": "a", "class": "device", "keep": "90d", "by_week": True, "reason": "a"}),
    ("POST", "/holds", {"user_email": BOB, "entity_type": "deal", "entity_id": "7", "since": "2026-01-01T00:00:00Z",
                        "until": "2026-02-01T00:00:00Z", "ends_at": "2100-01-01T00:00:00Z", "reason": "a"}),
    ("POST", "/proposals/1/refuse", {"reason": "a"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    url = postgres.create_database()
    writer = Writer(as_role(url, "writer"))
    writer.write(
        Batch(
            rows=[make_row(user_email=(ADA, BOB)[n % 2], session_id=f"s{n % 5}", page_route=f"/{n}") for n in range(20)]
        )
    )
    writer.close()
    with connected(as_role(url, "keeper"), "test") as keeper:
        while passes.carry_out(keeper).places:
            pass
    with running_analytics(url, requests_per_second=0) as running:
        yield running
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def client(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed("all") as signed:
        yield signed


@pytest.fixture(scope="module")
def govern(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed("govern") as signed:
        yield signed


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A path with parameters of its route, some of them as they should be."""
    _, path, operation = draw(st.sampled_from(OPERATIONS))
    asked = {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            value = draw(st.sampled_from(STRANGE) | texts)
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        elif draw(st.integers(0, 5)) == 0:
            known = parameter["schema"].get("enum") or STRANGE
            asked[parameter["name"]] = str(draw(st.sampled_from(known) | st.sampled_from(STRANGE) | texts))
    if draw(st.integers(0, 9)) == 0:
        asked[draw(texts)] = draw(texts)
    return path, asked


@some
@given(request=requests())
def test_any_parameters_are_answered_or_named(client: httpx.Client, request: tuple[str, dict[str, str]]) -> None:
    path, asked = request
    is_sound(client.get(path, params=asked))


@some
@given(request=requests())
def test_any_parameters_are_answered_or_named_to_who_governs(
    govern: httpx.Client, request: tuple[str, dict[str, str]]
) -> None:
    path, asked = request
    is_sound(govern.get(path, params=asked))


@st.composite
def changed(draw: st.DrawFn, content: Any) -> Any:
    """`content` with something else in one place."""
    if isinstance(content, dict | list) and content and draw(st.integers(0, 3)):
        copy = deepcopy(content)
        place = draw(st.sampled_from(sorted(copy) if isinstance(copy, dict) else range(len(copy))))
        copy[place] = draw(changed(copy[place]))
        return copy
    return draw(jsons)


@some
@given(body=changed(FUNNEL))
def test_any_funnel_is_answered_or_named(client: httpx.Client, body: Any) -> None:
    is_sound(client.post("/funnel", content=json.dumps(body), headers={"content-type": "application/json"}))


@some
@given(data=st.data())
def test_any_body_of_governance_is_answered_or_named(govern: httpx.Client, data: st.DataObject) -> None:
    method, path, body = data.draw(st.sampled_from(GOVERNED))
    sent = json.dumps(data.draw(changed(body)))
    is_sound(govern.request(method, f"/governance{path}", content=sent, headers={"content-type": "application/json"}))


@some
@given(body=changed({"token": "prelude_a_x"}))
def test_any_sign_in_is_refused_in_words(service: Analytics, body: Any) -> None:
    service.forget_failures()
    is_sound(service.client.post("/session", content=json.dumps(body), headers={"content-type": "application/json"}))


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b'{"steps":', b"[" * 100_000, b'{"window":' + b"9" * 5_000 + b"}", b'"\\ud800"']
)
def test_what_is_no_json_is_said_to_be_none(client: httpx.Client, content: bytes) -> None:
    for headers in ({"content-type": "application/json"}, {}):
        answer = client.post("/funnel", content=content, headers=headers)
        assert answer.status_code == 422
        is_sound(answer)


@some
@given(data=st.data())
def test_any_cursor_is_answered_or_named(client: httpx.Client, data: st.DataObject) -> None:
    path = data.draw(
        st.sampled_from(["/recent-activities", "/users", "/customers", "/pages", "/sessions", "/sessions/s1"])
    )
    asked = {"limit": "1"} | ({"user_email": BOB} if path == "/sessions/s1" else {})
    page = client.get(path, params=asked).json()
    if page["next_cursor"] is None:
        return
    names = json.loads(_decoded(page["next_cursor"]))
    content = unpack("cursor", page["next_cursor"], *names)
    is_sound(client.get(path, params=asked | {"cursor": pack(data.draw(changed(content)))}))
    if "cursor" in page.get("watermark", {}):
        mark = json.loads(_decoded(page["watermark"]["cursor"]))
        is_sound(client.get("/recent-activities", params={"as_of": pack(data.draw(changed(mark)))}))


def _decoded(token: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def is_sound(answer: httpx.Response) -> None:
    """An answer, or a problem with all that it must say."""
    assert answer.status_code < 500, answer.text
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = json.loads(answer.text, parse_constant=pytest.fail)
    assert {"type", "title", "status", "detail", "request_id"} <= problem.keys()
    if answer.status_code == 422:
        assert problem.get("narrow") or ({"parameter", "value"} <= problem.keys() and problem["allowed"]), problem
