"""Pages over HTTP: who is let in, what a browser may do with them, and links that keep what they promise."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.analytics import ADA, Analytics
from tests.support.dashboard import signed_in

if TYPE_CHECKING:
    from re import Match

SCREENS = (
    "/analytics",
    "/analytics/live",
    "/analytics/activities",
    "/analytics/sessions",
    "/analytics/people",
    "/analytics/customers",
    "/analytics/funnels",
    "/analytics/cohorts",
    "/analytics/paths",
    "/analytics/reports",
    "/analytics/system",
)


def test_a_page_without_a_session_leads_to_the_sign_in_page_and_back(service: Analytics) -> None:
    with httpx.Client(base_url=service.url, trust_env=False, headers={"origin": service.url}) as client:
        asked = client.get("/analytics/activities?days=30")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            "/analytics/sign-in?next=%2Fanalytics%2Factivities%3Fdays%3D30",
        )
        assert 'name="next" value="/analytics/activities?days=30"' in client.get(asked.headers["location"]).text
        sent = {"token": service.token("all").token, "next": "/analytics/activities?days=30"}
        answer = client.post("/analytics/sign-in", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/analytics/activities?days=30")
        assert client.get(answer.headers["location"]).status_code == 200
        assert client.post("/analytics/sign-out").status_code == 303
        assert client.get("/analytics").status_code == 303


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/analyticsx"])
def test_signing_in_leads_nowhere_else(service: Analytics, elsewhere: str) -> None:
    sent = {"token": service.token("all").token, "next": elsewhere}
    answer = httpx.post(f"{service.url}/analytics/sign-in", data=sent, headers={"origin": service.url}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/analytics")


def test_a_wrong_token_is_refused_in_words_with_the_id_of_the_request(service: Analytics) -> None:
    sent = {"token": "prelude_a_no"}
    answer = httpx.post(f"{service.url}/analytics/sign-in", data=sent, headers={"origin": service.url}, trust_env=False)
    assert answer.status_code == 401
    assert "not a token of prelude analytics" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    service.forget_failures()


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}])
def test_another_site_signs_nobody_in(service: Analytics, headers: dict[str, str]) -> None:
    sent = {"token": service.token("all").token}
    answer = httpx.post(f"{service.url}/analytics/sign-in", data=sent, headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("screen", SCREENS)
def test_a_page_runs_no_script_and_no_style_of_its_own(browser: httpx.Client, screen: str) -> None:
    answer = browser.get(screen)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", answer.text)


def test_assets_never_change_and_come_compressed(browser: httpx.Client) -> None:
    found = set(re.findall(r'"(/analytics/assets/[^"]+)"', browser.get("/analytics").text))
    assert len(found) == 3
    for path in found:
        answer = browser.get(path)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"


def test_a_page_in_which_nothing_is_new_is_not_sent_again(browser: httpx.Client) -> None:
    where = "/analytics/activities?from=2020-01-01&to=2020-01-02"
    first = browser.get(where)
    again = browser.get(where, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_a_page_cannot_answer_is_said_in_html(browser: httpx.Client) -> None:
    for path, status in (("/analytics?days=many", 422), ("/analytics/nowhere", 404), ("/analytics?q=x", 422)):
        answer = browser.get(path)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["x-request-id"] in answer.text


def test_the_form_of_filters_leads_to_an_address_that_can_be_shared(browser: httpx.Client) -> None:
    answer = browser.get("/analytics?days=30&add=action_type&value=crm")
    assert (answer.status_code, answer.headers["location"]) == (303, "/analytics?action_type=crm&days=30")


def test_the_list_behind_a_figure_has_just_as_many_rows(browser: httpx.Client) -> None:
    page = browser.get("/analytics?days=30").text
    links = re.findall(r'<td class="num"><a href="([^"]+)">(\d+)</a>', page)
    links += re.findall(r'<a href="([^"]+)" aria-label="(\d+) (?:error|timeout), [^"]+"><rect', page)
    links += re.findall(r'<a href="([^"]+)" aria-label="(\d+) (?:visits|on Mondays)', page)[:20:3]
    assert {"errors", "pages", "hours"} <= {_kind(unescape(href)) for href, _ in links}
    for href, count in links[:24]:
        assert _listed(browser, unescape(href)) == int(count), href


def test_who_sees_only_own_rows_sees_only_own_rows(service: Analytics) -> None:
    with signed_in(service, "self", ADA) as client:
        assert client.get("/analytics").status_code == 200
        assert client.get("/analytics?user_email=bob@company.com").status_code == 403
        assert _listed(client, "/analytics/activities?days=30") == 0


def _kind(href: str) -> str:
    return "hours" if "weekday=" in href else "pages" if "page_route=" in href else "errors"


def _listed(client: httpx.Client, path: str) -> int:
    """Rows of a list, on all its pages."""
    text = client.get(path).text
    count = text.count('class="open"')
    older: Match[str] | None = re.search(r'<a rel="next" href="([^"]+)"', text)
    return count + (_listed(client, unescape(older[1])) if older else 0)
