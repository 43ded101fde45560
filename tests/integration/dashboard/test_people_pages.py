"""Sessions, people, customers and deals: each number on their pages leads to just so many rows."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.dashboard import signed_in


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


def numbers(text: str, kept: str) -> list[tuple[str, int]]:
    """Addresses of lists, and how many rows are promised: of links whose names are like `kept`."""
    found = re.findall(rf'href="([^"]+)" aria-label="(\d+) {kept}', text)
    return [(unescape(href), int(count)) for href, count in found]


def test_numbers_of_people_lead_to_just_as_many_rows(browser: httpx.Client) -> None:
    text = browser.get("/analytics/people?days=30").text
    found = numbers(text, "(?:activities|errors|timeouts): the list")
    assert len({href.partition("?")[0] for href, _ in found}) == 1
    for href, count in [*found[:3], found[-1]]:
        assert listed(browser, href) == count, href


def test_numbers_of_a_person_lead_to_just_as_many_rows(browser: httpx.Client) -> None:
    person = re.search(r'class="open" href="([^"]+)"', browser.get("/analytics/people?days=30").text)
    assert person
    text = browser.get(unescape(person[1])).text
    (total,) = re.findall(r'<p class="value"><a href="([^"]+)">(\d+)</a>', text)[:1]
    found = [(unescape(total[0]), int(total[1]))]
    for kept in ("(?:success|error), ", "on [A-Z]", "visits: the list"):
        found += numbers(text, kept)[:2]
    named = numbers(text, "activities: the list")
    for kind in ("action_name", "ip_address", "browser", "service_name"):
        found += [(href, count) for href, count in named if f"{kind}=" in href][:2]
    assert len(found) >= 12
    for href, count in found:
        assert listed(browser, href) == count, href
    for href in re.findall(r'href="(/analytics/session\?[^"]+)"', text)[:2]:
        assert browser.get(unescape(href)).status_code == 200


def test_a_page_about_more_rows_than_figures_may_read_is_of_the_newest_and_says_so(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, page in ((150, "person?user_email=user@company.com&days=30"), (900, "entity?customer_id=101&days=30")):
        monkeypatch.setattr("prelude_analytics.sources.MOST_ROWS", most)
        text = browser.get(f"/analytics/{page}").text
        assert f"counted in the newest {most} at most, from " in text, page
        total = re.search(r'<p class="value"><a href="([^"]+)">(\d+)</a>', text)
        assert total
        assert 0 < int(total[2]) <= most
        found = [(unescape(total[1]), int(total[2])), *numbers(text, "activities: the list")[:3]]
        for href, count in found:
            assert listed(browser, href) == count, href
    assert "counted in the newest" not in browser.get("/analytics/person?user_email=user@company.com&days=1").text


def test_numbers_of_customers_and_deals_lead_to_just_as_many_rows(service: Analytics, browser: httpx.Client) -> None:
    text = browser.get("/analytics/customers?days=30").text
    found = [
        (unescape(href), int(count))
        for href, count in re.findall(r'<p class="value"><a href="([^"]+)">(\d+)</a>', text)
    ]
    assert len(found) >= 2
    for kept in ("(?:created|updated|deleted), ", "views: the list", "errors: the list"):
        found += numbers(text, kept)[:2]
    for href, count in found:
        assert listed(browser, href) == count, href
    valued = re.search(r'href="([^"]+deal_value=known[^"]+)">.*?in (\d+) deals', text, re.DOTALL)
    assert valued
    assert listed(browser, unescape(valued[1])) == int(valued[2]) > 0
    who = numbers(text, "people viewed it: who")
    for href, count in who[:3]:
        opened = browser.get(href.partition("#")[0]).text
        assert opened.count("All that ") == count > 0
        views = re.findall(r'href="([^"]+)" title="The views of', opened)
        assert all(listed(browser, unescape(one)) for one in views)
    with signed_in(service, "govern") as client:
        assert numbers(client.get("/analytics/customers?days=30").text, "people viewed it: who") == []


def test_the_history_of_a_thing_is_by_everybody_and_all_of_it(service: Analytics, browser: httpx.Client) -> None:
    customers = browser.get("/analytics/customers?days=30").text
    for href in re.findall(r'class="open" href="(/analytics/entity[^"]+)"', customers):
        where = unescape(href)
        query = dict(httpx.URL(where).params)
        with service.signed() as api:
            rows = api.get("/recent-activities", params={**query, "days": 365, "limit": 1000}).json()["items"]
        if len({row["user_email"] for row in rows}) > 1:
            break
    assert len({row["user_email"] for row in rows}) > 1
    text = browser.get(where).text
    assert listed(browser, where) == len(rows)
    everything = re.search(r'href="([^"]+)"[^>]*>All that names it', text)
    assert everything
    named = browser.get(unescape(everything[1])).text
    assert listed(browser, unescape(everything[1])) > len(rows)
    found = numbers(text, "(?:by this person|activities): the list")[:4]
    found += numbers(named, "(?:by this person|activities): the list")[:4]
    for href, count in found:
        assert listed(browser, href) == count, href


def test_who_may_not_rank_is_told_so_and_may_look_at_one_person(service: Analytics) -> None:
    with signed_in(service, "govern") as client:
        text = client.get("/analytics/people?days=30").text
        assert "It needs a token with the role all" in text
        assert 'class="open"' not in text
        assert client.get("/analytics/person?user_email=user@company.com&days=30").status_code == 200
    with running_analytics(service.database, named_rankings=False) as other, signed_in(other) as client:
        assert "switched off for this service" in client.get("/analytics/people").text
        assert "by whom is not shown here" in client.get("/analytics/customers?days=30").text


def test_with_the_role_self_one_sees_oneself_alone(service: Analytics) -> None:
    with signed_in(service, "self", ADA) as client:
        assert ADA in client.get("/analytics/person").text
        assert client.get("/analytics/person?user_email=user@company.com").status_code == 403
        assert client.get("/analytics/sessions?user_email=user@company.com").status_code == 403
        assert 'class="open"' not in client.get("/analytics/people?days=30").text
    with signed_in(service, "self", "user@company.com") as client:
        assert set(
            re.findall(r'class="open" href="[^"]*user_email=([^"&]+)', client.get("/analytics/people?days=30").text)
        ) == {"user%40company.com"}


def test_a_page_about_one_thing_that_is_not_named_is_not_found(browser: httpx.Client) -> None:
    for path in ("person", "entity", "entity?entity_type=deal"):
        assert browser.get(f"/analytics/{path}").status_code == 404
    empty = browser.get("/analytics/entity?entity_type=deal&entity_id=nothing")
    assert (empty.status_code, "Look at the kind and the id" in empty.text) == (200, True)
