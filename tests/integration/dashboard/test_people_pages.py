"""Sessions, people, customers and deals: each number on their pages leads to just so many rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from tests.support.analytics import Analytics
from tests.support.dashboard import running_dashboard, signed_in
from tests.support.postgres import TestServer


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    with running_dashboard(postgres, 2_000) as running:
        yield running


@pytest.fixture(scope="module")
def browser(service: Analytics) -> Iterator[httpx.Client]:
    with signed_in(service) as client:
        yield client


def listed(client: httpx.Client, path: str) -> int:
    """Rows of a list, on all its pages."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    older = re.search(r'<a rel="next" href="([^"]+)"', answer.text)
    return answer.text.count('class="open"') + (listed(client, unescape(older[1])) if older else 0)


def test_the_list_of_sessions_goes_on_to_the_end(service: Analytics, browser: httpx.Client) -> None:
    with service.signed() as api:
        sessions = api.get("/sessions", params={"days": 30, "limit": 1000}).json()["items"]
    assert len(sessions) > 50
    assert listed(browser, "/analytics/sessions?days=30") == len(sessions)
    failed = sum(one["error_count"] > 0 for one in sessions)
    assert listed(browser, "/analytics/sessions?days=30&errors=1") == failed > 0


def test_a_session_lists_as_many_activities_and_errors_as_it_counts(browser: httpx.Client) -> None:
    text = browser.get("/analytics/sessions?days=30&errors=1").text
    for row in re.findall(r"<tr>\n(.*?)</tr>", text, re.DOTALL)[:4]:
        one, failed = re.findall(r'href="(/analytics/session\?[^"]+)"', row)
        activities, errors = re.findall(r'(?:class="num">|: the list">)(\d+)(?:</td>| ✕)', row)
        assert listed(browser, unescape(one)) == int(activities)
        assert listed(browser, unescape(failed)) == int(errors)


def test_a_session_that_does_not_exist_is_not_found(browser: httpx.Client) -> None:
    for address in ("/analytics/session", "/analytics/session?session=none&user_email=a@b.c"):
        answer = browser.get(address)
        assert (answer.status_code, "No such session" in answer.text) == (404, True)
