"""The screen of governance, by forms alone: for whom it is, and what each form does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.dashboard import signed_in
from tests.support.rows import make_row

PAGE = "/analytics/governance"


@pytest.fixture
def service(database: str, writer: Writer) -> Iterator[Analytics]:
    writer.write(Batch(rows=[make_row(user_email=ADA) for _ in range(7)]))
    with running_analytics(database) as running:
        yield running


@pytest.fixture
def browser(service: Analytics) -> Iterator[httpx.Client]:
    with signed_in(service, "govern") as client:
        yield client


def sent(browser: httpx.Client, path: str, **fields: str) -> str:
    """What the page says after a form was sent."""
    answer = browser.post(f"{PAGE}{path}", data=fields)
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200, page.text
    return page.text


def test_it_is_for_the_role_govern_alone(service: Analytics, browser: httpx.Client) -> None:
    assert 'data-key="g"' in browser.get(PAGE).text
    for role in ("self", "all"):
        with signed_in(service, role) as other:
            assert other.get(PAGE).status_code == 403
            assert "/analytics/governance" not in other.get("/analytics").text
            for path in (
                "/requests",
                "/policies",
                "/holds",
                "/policies/remove",
                "/requests/1/carry-out",
                "/proposals/1/consent",
            ):
                assert other.post(f"{PAGE}{path}").status_code == 403, path


def test_a_foreign_page_sends_no_form(browser: httpx.Client) -> None:
    answer = browser.post(
        f"{PAGE}/policies", data={"what": "rows", "keep": "30d"}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert "Everything is kept for ever." in browser.get(PAGE).text


def test_a_request_is_taken_in_and_carried_out_by_typing_the_address(browser: httpx.Client) -> None:
    page = sent(browser, "/requests", kind="erasure", user_email=ADA, note="on paper")
    assert "The request is taken in." in page
    assert "30 days left" in page or "31 days left" in page or "29 days left" in page or "27 days left" in page
    wrong = browser.post(f"{PAGE}/requests/1/carry-out", data={"user_email": "bob@company.com"})
    assert (wrong.status_code, "is not the address of request 1" in wrong.text) == (409, True)
    page = sent(browser, "/requests/1/carry-out", user_email=ADA, reason="asked")
    for _ in range(400):
        if "number 1, as a file" in page and "Nobody is waiting" in page:  # the receipt comes first
            break
        time.sleep(0.05)
        page = browser.get(f"{PAGE}?open=1").text
    assert "Nobody is waiting for an answer." in page
    assert ADA not in page
    receipt = browser.get(f"{PAGE}/receipts/1")
    assert receipt.headers["content-disposition"] == 'attachment; filename="receipt-erase-1.json"'
    assert receipt.json()["counts"]["rows"] == 7


def test_an_access_comes_as_a_zip(browser: httpx.Client) -> None:
    sent(browser, "/requests", kind="access", user_email=ADA)
    answer = browser.post(f"{PAGE}/requests/1/carry-out", data={"user_email": ADA})
    assert answer.headers["content-type"] == "application/zip"
    assert "Nobody is waiting for an answer." in browser.get(PAGE).text


def test_an_overdue_request_is_marked_by_colour_and_shape_and_can_be_extended(browser: httpx.Client) -> None:
    page = sent(browser, "/requests", kind="objection", user_email=ADA, received_at="2026-01-15")
    assert re.search(r'status error"><svg[^>]*>\s*<path d="M2 2l6 6[^>]*/>\s*</svg>\d+ days over', page)
    page = sent(browser, "/requests/1/extend", months="2", reason="many rows")
    assert "Extended because</span> many rows" in page
    page = sent(browser, "/requests/1/close", outcome="refused", reason="no legal ground")
    assert "no legal ground" in page
    assert ADA not in page
    assert "refused" in browser.get(f"{PAGE}?closed=1").text


def test_policies_are_set_planned_and_removed(browser: httpx.Client) -> None:
    page = sent(browser, "/policies", what="person", activity="crm.view_customer", keep="90d", reason="less")
    assert "The policy is set" in page
    assert "crm.view_customer" in page
    assert "If it ran now" in browser.get(f"{PAGE}?plan=1").text
    refused = browser.post(f"{PAGE}/policies", data={"what": "rows", "keep": "soon"})
    assert (refused.status_code, "says for how long nothing is kept" in refused.text) == (409, True)
    page = sent(browser, "/policies/remove", what="person", activity="crm.view_customer", reason="no more")
    assert "Everything is kept for ever." in page


def test_holds_are_added_and_released(browser: httpx.Client) -> None:
    page = sent(browser, "/holds", user_email=ADA, since="2026-01-01", reason="case 7")
    assert re.search(r"person [0-9a-f]{12}…, from 2026-01-01", page)
    assert ADA not in page
    page = sent(browser, "/holds/1/release", reason="over")
    assert "Nothing is held." in page


def test_with_four_eyes_another_one_consents(database: str) -> None:
    with (
        running_analytics(database, four_eyes=True) as service,
        signed_in(service, "govern") as one,
        signed_in(service, "govern") as two,
    ):
        page = sent(one, "/policies", what="rows", activity="", keep="1y")
        assert "Keep rows of all activities for 1y" in page
        assert "Consent</button>" not in page
        assert "Withdraw</button>" in page
        assert one.post(f"{PAGE}/proposals/1/consent").status_code == 409
        assert "Consent</button>" in two.get(PAGE).text
        page = sent(two, "/proposals/1/consent")
        assert "You have consented" in page
        assert "Waiting for consent" not in page


def test_without_a_login_the_page_says_what_to_set(database: str) -> None:
    with running_analytics(database, care_url="") as service, signed_in(service, "govern") as browser:
        page = browser.get(PAGE)
        assert (page.status_code, "PRELUDE_CARE_DATABASE_URL" in page.text) == (200, True)


@pytest.mark.parametrize("address", ["?open=0", "?open=x", "?cursor=x", "?open=99999999999999999999"])
def test_an_address_that_makes_no_sense_is_refused_in_words(browser: httpx.Client, address: str) -> None:
    assert browser.get(PAGE + address).status_code == 422


def test_a_request_that_is_not_there_is_said_to_be_none(browser: httpx.Client) -> None:
    assert "There is no such request." in browser.get(f"{PAGE}?open=7").text
