"""Marks of every kind, clicked: the list behind each has just as many rows as it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

ENOUGH: Final = 5
"""Rows of a list that tells something; more take longer to count."""
PERSON: Final = "/person?user_email=user@company.com&days=7"
THING: Final = "/entity?customer_id=101&days=30"
MARKS: Final = {
    "a total": ("?days=30", "[data-part=f-error] .value a"),
    "a bar": ("?days=7", ".stack a[aria-label]"),
    "a bar of types": ("?days=7&stack=type", ".stack a[aria-label]"),
    "a count of a type": ("?days=7", "[data-part=types] .num a"),
    "a count of a name": ("?days=7", "[data-part=names] .num a"),
    "visits of a page": ("?days=7", "[data-part=pages] .num a"),
    "an hour": ("?days=7", ".heat a"),
    "failures of a name": ("?days=30", "[data-part=errors] td a"),
    "errors of a person": ("/people?days=30", "td a.ill"),
    "activities of a person": ("/people?days=30", "a[aria-label$='activities: the list']"),
    "a bar of a person": (PERSON, ".stack a[aria-label]"),
    "what a person did": (PERSON, "[data-part=what] .num a"),
    "pages of a person": (PERSON, "[data-part=pages] .num a"),
    "where a person was": (PERSON, "[data-part=where] .num a"),
    "an hour of a person": (PERSON, ".heat a"),
    "deals created": ("/customers?days=30", "[data-part=f-created] .value a"),
    "a bar of deals": ("/customers?days=30", ".stack a[aria-label]"),
    "views of a customer": ("/customers?days=30", "a[aria-label$='views: the list']"),
    "who touched a thing": (THING, "[data-part=who] .num a"),
    "what was done to a thing": (THING, "[data-part=what] .num a"),
    "emails of a person": ("/reports?days=7", "[data-part=emails] tbody td a"),
    "all emails": ("/reports?days=7", "[data-part=emails] tfoot td a"),
    "errors of a page": ("/reports?days=30", "[data-part=errors-by-page] td a"),
    "activities on a page": ("/reports?days=30", "[data-part=times-by-page] td a"),
}


def number(link: Locator) -> int:
    """The first number that a link says."""
    found = re.search(r"[\d\u202f]+", link.get_attribute("aria-label") or link.inner_text())
    return int(found[0].replace("\u202f", "")) if found else 0


def listed(page: Page) -> int:
    """Rows of the list that is open, on all its pages."""
    expect(page.locator("h1")).to_have_text("Activities")
    page.wait_for_load_state()
    count = page.locator("a.open").count()
    older = page.locator("a[rel=next]")
    if older.count():
        with page.expect_navigation():
            older.click()
        return count + listed(page)
    return count


@pytest.fixture(scope="module")
def reader(open_pages: Callable[..., Page]) -> Page:
    """One page for all tests, without scripts: marks are links."""
    return open_pages(scripts=False)


@pytest.mark.parametrize("kind", MARKS)
def test_a_mark_opens_as_many_rows_as_it_says(reader: Page, kind: str) -> None:
    path, marks = MARKS[kind]
    reader.goto(f"/analytics{path}")
    numbers = [(count, place) for place, link in enumerate(reader.locator(marks).all()) if (count := number(link))]
    enough = [one for one in numbers if one[0] >= ENOUGH]
    count, place = min(enough) if enough else max(numbers)
    link = reader.locator(marks).nth(place)
    # A bar may be too thin for a mouse; the keyboard reaches it all the same.
    link.focus()
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/analytics/activities?**")
    assert listed(reader) == count


def test_value_created_opens_the_deals_that_have_one(reader: Page) -> None:
    reader.goto("/analytics/customers?days=30")
    figure = reader.locator("[data-part=f-value]")
    told = re.search(r"in (\d+) deals", figure.inner_text())
    assert told
    figure.locator(".value a").click()
    assert listed(reader) == int(told[1]) > 0


def test_people_of_a_customer_open_as_many_people_and_each_their_views(reader: Page) -> None:
    reader.goto("/analytics/customers?days=30")
    link = reader.locator("a[aria-label$='people viewed it: who']").first
    count = number(link)
    link.click()
    expect(reader.locator("#people li")).to_have_count(count)
    assert re.match(rf"{count} (person|people)$", reader.locator("#people h2").inner_text())
    reader.locator("#people a.note").first.click()
    assert listed(reader) > 0


def test_the_headline_of_paths_opens_its_visits(reader: Page) -> None:
    reader.goto("/analytics/paths?days=7&start=crm.create_deal")
    link = reader.locator(".headline a").first
    count = number(link)
    link.click()
    expect(reader.locator("#visits h2")).to_have_text(re.compile(rf"^{count} visit"))
    expect(reader.locator("#visits li")).to_have_count(count)


def test_a_session_has_as_many_rows_as_its_list_says(reader: Page) -> None:
    reader.goto("/analytics/sessions?days=30")
    row = reader.locator("tbody tr").nth(3)
    count = int(row.locator("td").nth(2).inner_text().replace("\u202f", ""))
    row.locator("a.open").click()
    expect(reader.locator("a.open")).to_have_count(count)


def test_filters_by_clicking_names_are_chips_that_come_along_and_go_one_by_one(reader: Page) -> None:
    reader.goto("/analytics?days=30")
    reader.locator("[data-part=types] a.name", has_text="crm").click()
    reader.locator("[data-part=names] a.name").first.click()
    expect(reader.locator(".chip")).to_have_count(2)
    reader.locator("summary", has_text="Filter").click()
    reader.locator("#filter-menu select").select_option("result_status")
    reader.locator("#filter-menu input[name=value]").fill("error")
    reader.get_by_role("button", name="Add filter").click()
    expect(reader.locator(".chip")).to_have_count(3)
    reader.get_by_role("link", name="Activities", exact=False).first.click()
    expect(reader.locator("h1")).to_have_text("Activities")
    expect(reader.locator(".chip")).to_have_count(3)
    reader.wait_for_load_state()
    assert set(reader.locator("td .status").all_inner_texts()) == {"error"}
    reader.locator(".chip a[aria-label='Remove the filter action name']").click()
    expect(reader.locator(".chip")).to_have_count(2)
    reader.go_back()
    expect(reader.locator(".chip")).to_have_count(3)
    reader.go_forward()
    expect(reader.locator(".chip")).to_have_count(2)
