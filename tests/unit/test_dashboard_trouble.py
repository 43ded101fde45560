"""The page that is shown instead of one that can't be: what happened, and the ways on."""

from __future__ import annotations

import re

import pytest
from starlette.requests import Request

from prelude_analytics.problems import REQUEST_ID, Problem
from prelude_analytics.sources import TOO_MUCH
from prelude_dashboard.trouble import trouble


def shown(status: int, title: str, query: str, method: str = "GET") -> tuple[str, list[tuple[str, str]]]:
    """The page, and its links with their words."""
    scope = {
        "type": "http",
        "method": method,
        "path": "/analytics/reports",
        "query_string": query.encode(),
        "headers": [],
        REQUEST_ID: "4a017d5b1534b4ef",
    }
    html = bytes(trouble(Request(scope), Problem(status, title, "the database does not answer")).body).decode()
    return html, re.findall(r'<a class="(?:primary )?button" href="([^"]+)">([^<]+)</a>', html)


def test_it_is_a_sentence_with_the_id_of_the_request() -> None:
    html, _ = shown(503, "Database away", "days=30")
    assert "<h1>Database away</h1>" in html
    assert "The database does not answer.</p>" in html
    assert "Request 4a017d5b1534b4ef" in html


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_go_well_another_time_can_be_tried_again_where_it_was(status: int) -> None:
    _, links = shown(status, "Away", "days=30&step=x")
    assert links == [("/analytics/reports?days=30&amp;step=x", "Try again"), ("/analytics", "To the overview")]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_what_will_never_go_well_is_not_offered_again(status: int) -> None:
    assert shown(status, "Not found", "days=30")[1] == [("/analytics", "To the overview")]


def test_what_was_sent_is_not_sent_again_by_a_link() -> None:
    assert shown(503, "Away", "", method="POST")[1] == [("/analytics", "To the overview")]


@pytest.mark.parametrize(
    "query", ["user_email=a%40x.com&days=30", "user_email=a%40x.com&from=2026-01-01&to=2026-06-01"]
)
def test_instead_of_too_much_a_shorter_range_is_offered_with_all_else(query: str) -> None:
    links = shown(422, TOO_MUCH, query)[1]
    assert links[0] == ("/analytics/reports?user_email=a%40x.com&amp;days=7", "The last 7 days")


@pytest.mark.parametrize("query", ["days=7", "days=1"])
def test_a_range_that_is_short_already_is_not_offered(query: str) -> None:
    assert shown(422, TOO_MUCH, query)[1] == [("/analytics", "To the overview")]
