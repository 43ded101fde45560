"""Activities over HTTP: columns that the address chooses, and one of them with all its fields."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics
from tests.support.dashboard import hostile_rows, signed_in
from tests.support.postgres import as_role
from tests.support.rows import make_row


def titles(text: str) -> list[str]:
    """Of the columns."""
    head = re.search(r"<thead>(.*?)</thead>", text, re.DOTALL)
    assert head
    return re.findall(r"<th[^>]*>([^<]+)", head[1])


def test_the_address_chooses_the_columns_as_the_form_sends_them(browser: httpx.Client) -> None:
    usual = ["Time", "Status", "Activity", "User", "Entity", "Page", "Took"]
    assert titles(browser.get("/analytics/activities?days=30").text) == usual
    text = browser.get("/analytics/activities?days=30&columns.browser=1&columns.status=1&columns.data=1").text
    assert titles(text) == ["Time", "Status", "Browser", "Data"]
    assert re.search(r"<td[^>]*>(Firefox|Chrome|Safari) on ", text)
    row = re.search(r'class="open" href="([^"]+)"', text)
    assert row
    assert titles(browser.get(unescape(row[1])).text) == ["Time", "Status", "Browser", "Data"]
    wrong = browser.get("/analytics/activities?columns=colour")
    assert (wrong.status_code, "there are status, activity" in wrong.text) == (422, True)


def test_an_activity_leads_to_its_trace_its_person_its_thing_and_what_was_before(browser: httpx.Client) -> None:
    text = browser.get("/analytics/activities?days=30&action_name=update_deal&entity_type=deal").text
    rows = re.findall(r'class="open" href="([^"]+)"', text)
    # The past is another one each day, and not every activity of it was in a session.
    opened = next(page for row in rows if "This session" in (page := browser.get(unescape(row)).text))
    trace = re.search(
        r'href="https://tempo\.example/trace/([0-9a-f]{32})" target="_blank" rel="noopener noreferrer"', opened
    )
    assert trace
    assert f'data-copy="{trace[1]}"' in opened
    for title in ("This person", "What they did before", "This session", "History of deal"):
        way = re.search(rf'href="([^"]+)"[^>]*>{title}', opened)
        assert way, title
        assert browser.get(unescape(way[1])).status_code == 200
    before = re.search(r'href="([^"]+)"[^>]*>What they did before', opened)
    assert before
    newest = re.search(r"<tbody>.*?</tr>", browser.get(unescape(before[1])).text, re.DOTALL)
    assert newest
    assert "update_deal" in newest[0]


@pytest.mark.parametrize("role", ["all", "govern"])
def test_data_stands_as_coloured_text_that_folds(service: Analytics, role: str) -> None:
    data = '{"<b>": "<script>", "deep": {"a": [1, 2.5, true, null, {}, []]}, "many": [' + ",".join("1" * 40) + "]}"
    writer = Writer(as_role(service.database, "writer"))
    writer.write(Batch(rows=[make_row(action_data=data, entity_id="folds", trace_id=None)]))
    writer.close()
    with signed_in(service, role) as client:  # type: ignore[arg-type]
        row = re.search(r'class="open" href="([^"]+)"', client.get("/analytics/activities?entity_id=folds").text)
        assert row
        text = client.get(unescape(row[1])).text
    assert '<span class="json-key">&lt;b&gt;</span>' in text
    assert '<span class="json-text">&lt;script&gt;</span>' in text
    for kind, shown in (("number", "2.5"), ("bool", "true"), ("none", "null"), ("mark", "{}"), ("mark", "[]")):
        assert f'<span class="json-{kind}">{shown}</span>' in text
    assert text.count("<details open>") == 2
    assert re.search(r'<details><summary><span class="json-mark">\[</span><span class="json-count">40 items', text)
    assert "tempo.example" not in text


def test_rows_with_texts_that_break_pages_open(service: Analytics, browser: httpx.Client) -> None:
    writer = Writer(as_role(service.database, "writer"))
    writer.write(Batch(rows=hostile_rows()))
    writer.close()
    every = "status~activity~user~entity~page~took~session~service~address~browser~category~data~result~tags~trace"
    text = browser.get(f"/analytics/activities?days=2&columns={every}").text
    for href in re.findall(r'class="open" href="([^"]+)"', text):
        text += browser.get(unescape(href)).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "l" * 10_000 in text


def test_a_list_that_is_compared_row_by_row_says_how_far_it_has_looked(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_LONG", "_LEAST"):
        monkeypatch.setattr(f"prelude_analytics.answers.page.{name}", 0.0)
    text = browser.get("/analytics/activities?days=30&q=nothing-has-this").text
    assert "Nothing was found back to" in text
    assert 'rel="next"' in text
