"""Rows of a service whose clock is ahead: pages count them, and their numbers open them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from tests.support.analytics import ADA, Analytics
from tests.support.dashboard import running_dashboard, signed_in
from tests.support.postgres import TestServer
from tests.support.rows import make_row, now_us

HOURS = (0.3, 2, 20)
PAGE = "/from-tomorrow"


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    ahead = [
        make_row(
            timestamp_us=now_us() + int(hours * 3_600_000_000), user_email=ADA, page_route=PAGE, result_status=status
        )
        for hours in HOURS
        for status in ("success", "error")
    ]
    with running_dashboard(postgres, 300, ahead) as running:
        yield running


@pytest.mark.parametrize("asked", ["days=30", "days=2&tz=Asia/Kolkata"])
def test_numbers_of_a_report_open_as_many_rows(service: Analytics, asked: str) -> None:
    with signed_in(service) as browser:
        page = browser.get(f"/analytics/reports?{asked}").text
        numbers = re.findall(r'<td class="num"><a href="([^"]+)">(\d+)</a>', page)
        numbers += re.findall(r'<a href="([^"]+)" aria-label="(\d+) (?:error|timeout), ', page)
        of_page = [(unescape(href), int(number)) for href, number in numbers if "from-tomorrow" in href]
        assert max(number for _, number in of_page) == 2 * len(HOURS)
        others = [(unescape(href), int(number)) for href, number in numbers if 0 < int(number) < 90]
        for href, number in of_page + others[:: max(1, len(others) // 12)]:
            assert browser.get(href).text.count('class="open"') == number, href


def test_the_list_shows_them_first(service: Analytics) -> None:
    with signed_in(service) as browser:
        page = browser.get("/analytics/activities").text
        assert page.count('class="open"') > 2 * len(HOURS)
        assert browser.get(f"/analytics/activities?page_route={PAGE}").text.count('class="open"') == 2 * len(HOURS)
