"""Screens about what follows what: each bar, cell and edge opens a list of as many, and any name is shown as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

import httpx
import pytest

from tests.support.analytics import Analytics
from tests.support.dashboard import hostile_rows, running_dashboard
from tests.support.postgres import TestServer

FUNNEL: Final = (
    "/analytics/funnels?days=30&steps=crm.view_customers_list~crm.view_customer~crm.generate_email~crm.send_email"
)


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    with running_dashboard(postgres, 2_000, hostile_rows()) as running:
        yield running


def link(page: str, pattern: str) -> str:
    """The address of the first link whose tag and text are like `pattern`."""
    found = re.search(rf'<a[^>]*href="([^"]+)"(?:[^<]|<(?!/a>))*?{pattern}', page)
    assert found, pattern
    return unescape(found[1]).partition("#")[0]


def listed(client: httpx.Client, path: str, entry: str) -> int:
    """Entries of the list that a mark opens, on all its pages."""
    text = client.get(path).text
    older = re.search(r'<a rel="next" href="([^"#]+)', text)
    return text.count(entry) + (listed(client, unescape(older[1]), entry) if older else 0)


def test_a_funnel_is_built_by_links_alone(browser: httpx.Client) -> None:
    page = browser.get("/analytics/funnels?days=30").text
    assert "Which step loses people?" in page
    page = browser.get(link(page, 'title="Add view_deal"')).text
    assert "A funnel has two at least" not in page
    page = browser.get(link(page, 'title="Add update_deal"')).text
    assert "people go all the way" in page
    page = browser.get(link(page, 'aria-label="Move step 2 up"')).text
    assert "crm.update_deal~crm.view_deal" in page
    page = browser.get(link(page, ">or an exclusion")).text
    page = browser.get(link(page, 'title="Add delete_deal"')).text
    for rule in (">In any order", ">1 day<", ">Service<"):
        page = browser.get(link(page, rule)).text
    assert "any 1 of 2" in page
    answer = browser.get(link(page, 'aria-label="Remove step 1"'))
    assert str(answer.url).endswith(
        "/analytics/funnels?as=without&by=service_name&days=30&order=any&steps=crm.view_deal&window=1d&without=crm.delete_deal"
    )


@pytest.mark.parametrize("also", ["", "&order=any&window=1d", "&by=service_name&order=strict"])
def test_each_number_of_a_funnel_opens_as_many_people(browser: httpx.Client, also: str) -> None:
    page = browser.get(FUNNEL + also).text
    numbers = re.findall(r'href="([^"#]+)#people">(?:<strong>)?([\d\u202f]+)', page)
    assert len(numbers) > 4
    for href, number in numbers:
        count = int(number.replace("\u202f", ""))
        opened = browser.get(unescape(href)).text
        assert opened.count("All that ") == count
        assert re.search(rf"<h2>{number} (person|people)</h2>", opened)


def test_a_person_behind_a_funnel_leads_to_the_rows_of_the_way(browser: httpx.Client) -> None:
    page = browser.get(f"{FUNNEL}&open=reached-4").text
    rows = browser.get(link(page, 'title="What [^"]+ on the way"')).text
    assert rows.count('class="open"') >= 4
    assert "view_customers_list" in rows
    assert "send_email" in rows


@pytest.mark.parametrize("also", ["&unit=day", "&periods=rolling", "&return=crm.view_deal&show=people"])
def test_each_cell_of_cohorts_opens_as_many_people(browser: httpx.Client, also: str) -> None:
    page = browser.get(f"/analytics/cohorts?days=25&first=range{also}").text
    cells = re.findall(r'href="([^"#]+)#people"[^>]*aria-label="(\d+) (of|people)', page)
    assert len(cells) > 4
    for href, count, _ in cells[:: max(1, len(cells) // 8)]:
        opened = browser.get(unescape(href)).text
        assert opened.count("All that ") == int(count), href


def test_a_person_of_a_cohort_leads_to_the_rows_of_the_period(browser: httpx.Client) -> None:
    page = browser.get("/analytics/cohorts?days=30&first=range&return=crm.view_deal").text
    cell = re.search(r'href="([^"#]+~1[^"#]*)#people"', page)
    assert cell
    rows = browser.get(link(browser.get(unescape(cell[1])).text, 'title="What [^"]+ did then"')).text
    assert rows.count('class="open"') > 0
    assert "view_deal" in rows


@pytest.mark.parametrize("also", ["&direction=before&top=4", "&start=crm.view_deal&depth=2&gap=12h"])
def test_each_band_and_each_number_of_paths_opens_as_many_visits(browser: httpx.Client, also: str) -> None:
    page = browser.get(f"/analytics/paths?days=30{also}").text
    marks = re.findall(r'href="([^"#]+)#visits" aria-label="([\d\u202f]+) visits', page)
    assert len(marks) > 20
    for href, number in marks[:: len(marks) // 10]:
        count = int(number.replace("\u202f", ""))
        opened = browser.get(unescape(href)).text
        assert f"<h2>{number} visit" in opened
        assert listed(browser, unescape(href), 'title="The rows"') == count, href


@pytest.mark.parametrize("also", ["", "&start=crm.view_deal", "&start=crm.view_deal&direction=before"])
def test_each_number_of_visits_opens_as_many(browser: httpx.Client, also: str) -> None:
    page = browser.get(f"/analytics/paths?days=30{also}").text
    headline = re.search(r'<p class="headline">(.*?)</p>', page, re.DOTALL)
    assert headline
    numbers = re.findall(r'href="([^"#]+)#visits">(?:<strong>)?([\d\u202f]+)', headline[1])
    assert len(numbers) == (2 if "start" in also else 1)
    for href, number in numbers:
        assert listed(browser, unescape(href), 'title="The rows"') == int(number.replace("\u202f", "")), href


def test_a_visit_leads_to_just_the_two_rows_that_follow_each_other(browser: httpx.Client) -> None:
    page = browser.get("/analytics/paths?days=30&open=0~crm.view_deals_list~crm.view_deal").text
    hrefs = re.findall(r'href="([^"]+)" title="The rows"', page)
    assert len(hrefs) > 3
    for href in hrefs[:3]:
        rows = browser.get(unescape(href)).text
        assert re.findall(r'title="crm\.(view_deals?(?:_list)?)"', rows) == ["view_deal", "view_deals_list"]


def test_what_can_not_be_asked_is_said_where_it_can_be_mended(browser: httpx.Client) -> None:
    for also in (
        "&order=often",
        "&window=1y",
        "&by=nothing",
        "&open=all",
        "~crm.view_customer&order=any",
        "&cursor=x&open=lost-1",
    ):
        answer = browser.get(FUNNEL + also)
        assert answer.status_code == 200
        assert "This can not be asked" in answer.text, also
        assert 'aria-label="Remove step 1"' in answer.text
    for also in ("unit=hour", "periods=often", "first=last", "return=deal", "open=today", "open=2026-01-01"):
        answer = browser.get(f"/analytics/cohorts?days=30&{also}")
        assert answer.status_code == 200, also
        assert "This can not be asked" in answer.text, also
    for also in (
        "direction=up",
        "depth=9",
        "top=5",
        "gap=1s",
        "start=deal",
        "open=x",
        "open=4~crm.view_deal",
        "open=0~a~b~c",
    ):
        answer = browser.get(f"/analytics/paths?days=30&{also}")
        assert answer.status_code == 200, also
        assert "This can not be asked" in answer.text, also
    assert "None of the visits has this activity" in browser.get("/analytics/paths?start=crm.nothing").text
    assert "longer unit" in browser.get("/analytics/cohorts?days=365&unit=day").text


def test_any_name_is_text(browser: httpx.Client) -> None:
    page = browser.get("/analytics/funnels?days=2").text
    for name in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'):
        page = browser.get(link(page, f'title="Add {re.escape(name_in_html(name))}"')).text
    page = browser.get(link(page, 'aria-label="Remove step 2"')).text
    page = browser.get(link(page, 'title="Add view_deal"')).text
    page = browser.get(link(page, ">Page<")).text
    pages = [page, browser.get(link(page, "<strong>1</strong>")).text]
    assert pages[1].count("All that ") == 1
    pages += [browser.get(f"/analytics/{one}").text for one in ("cohorts?days=2&first=range", "reports?days=2")]
    flow = browser.get("/analytics/paths?days=2&depth=5&top=12").text
    pages += [flow, browser.get(link(flow, r"from &lt;script")).text]
    assert pages[-1].count('title="The rows"') == 1
    for text in pages:
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def name_in_html(name: str) -> str:
    """As templates escape it."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
