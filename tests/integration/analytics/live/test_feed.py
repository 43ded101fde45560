"""What a client of the live feed gets: what commits from now on, if it belongs to it, and durations as they become known."""

from __future__ import annotations

import json
from typing import Any

from prelude_analytics.live.settings import LiveSettings
from prelude_store.row import ActivityRow, SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.live import feed_server, listening
from tests.support.rows import make_row, now_us, waiting_row


def write(writer: Writer, *rows: ActivityRow, spans: list[SpanLength] | None = None) -> list[str]:
    writer.write(Batch(rows=list(rows), spans=spans or []))
    return [row.event_id for row in rows]


def test_a_client_gets_what_commits_from_now_on(feed: str, writer: Writer) -> None:
    write(writer, make_row())
    with listening(feed) as client:
        ids = write(writer, make_row(), make_row())
        client.until_rows(2)
    assert client.event_ids == ids


def test_a_row_is_shown_as_lists_show_it(feed: str, writer: Writer) -> None:
    row = make_row(
        tags=("vip",), action_data='{"value_usd": 12.50, "note": "ü\\u2028"}', timestamp_us=1_767_225_600_000_001
    )
    with listening(feed) as client:
        write(writer, row)
        client.until_rows(1)
    shown = client.rows[0]
    assert shown["timestamp"] == "2026-01-01T00:00:00.000001Z"
    assert shown["action_data"] == {"value_usd": 12.5, "note": "ü\u2028"}
    assert shown["tags"] == ["vip"]
    assert shown["result_data"] is None
    assert shown["event_id"] == row.event_id
    assert shown["duration_ms"] == 12


def test_a_client_gets_only_what_its_filters_let_through(feed: str, writer: Writer) -> None:
    asked: list[dict[str, Any]] = [
        {"user_email": "Her@Company.com"},
        {"action_name": "view_deal", "entity_id": "7"},
        {"tag": "vip"},
        {"q": "needle"},
        {"result_status": "timeout"},
    ]
    hers = make_row(user_email="her@company.com")
    seven = make_row(action_name="view_deal", entity_id="7")
    vip = make_row(tags=("vip", "new"))
    needle = make_row(action_data='{"note": {"deep": ["a NEEDLE in it"]}}')
    old = make_row(result_status="pending", timestamp_us=now_us() - 48 * 3600 * 1_000_000)
    last = make_row(
        user_email="her@company.com",
        action_name="view_deal",
        entity_id="7",
        tags=("vip",),
        page_url="/Needle",
        result_status="timeout",
    )
    wanted = [hers, seven, vip, needle, old]
    for filters, one in zip(asked, wanted, strict=True):
        with listening(feed, **filters) as client:
            write(writer, *(row._replace(event_id=make_row().event_id) for row in wanted if row is not one))
            ids = write(writer, one._replace(event_id=make_row().event_id))
            ids += write(writer, last._replace(event_id=make_row().event_id))
            client.until_rows(2)
        assert client.event_ids == ids, filters
        assert {frame["type"] for frame in client.others} == {"heartbeat"}


def test_a_pending_row_of_long_ago_reads_as_timeout(feed: str, writer: Writer) -> None:
    with listening(feed) as client:
        write(writer, make_row(result_status="pending", timestamp_us=now_us() - 48 * 3600 * 1_000_000))
        write(writer, make_row(result_status="pending"))
        client.until_rows(2)
    assert [row["result_status"] for row in client.rows] == ["timeout", "pending"]


def test_the_row_that_ends_a_pending_one_names_it(feed: str, writer: Writer) -> None:
    with listening(feed) as client:
        pending = make_row(result_status="pending")
        write(writer, pending)
        write(writer, make_row(completes_event_id=pending.event_id))
        client.until_rows(2)
    assert client.rows[1]["completes_event_id"] == pending.event_id


def test_a_length_that_becomes_known_later_goes_to_those_who_got_the_row(
    feed: str, writer: Writer, second_writer: Writer
) -> None:
    long_ago, of_her = waiting_row(user_email="her@company.com"), waiting_row(user_email="her@company.com")
    of_him = waiting_row(user_email="him@company.com")
    write(writer, long_ago)
    with listening(feed, user_email="her@company.com") as her, listening(feed) as everything:
        write(writer, of_her, of_him)
        spans = [SpanLength(row.trace_id or "", row.span_id or "", 7_000_000) for row in (of_him, of_her, long_ago)]
        write(second_writer, spans=spans)
        write(second_writer, make_row(user_email="her@company.com"))
        her.until_rows(2)
        everything.until_rows(3)
        write(writer, make_row(user_email="her@company.com"))
        her.until_rows(3)
        everything.until_rows(4)
    assert {amendment["event_id"] for amendment in her.amendments} == {of_her.event_id, long_ago.event_id}
    assert {amendment["event_id"] for amendment in everything.amendments} == {
        row.event_id for row in (of_her, of_him, long_ago)
    }
    assert {(each["type"], each["duration_ms"]) for each in everything.amendments} == {("amendment", 7)}


def test_a_row_of_great_size_comes_without_its_data_and_says_so(feed: str, writer: Writer) -> None:
    large = make_row(action_data=json.dumps({"text": "x" * 100_000, "word": "needle"}))
    with listening(feed, q="needle") as client:
        write(writer, large)
        client.until_rows(1)
    assert client.rows[0]["action_data"] is None
    assert client.rows[0]["left_out"] == ["action_data"]


def test_who_says_something_is_sent_away(feed: str) -> None:
    with listening(feed) as client:
        client.socket.send("hello?")
        assert client.until_closed() == (1003, "this socket only speaks: send nothing")


def test_who_hears_nothing_hears_how_far_that_goes(reader: str, writer: Writer) -> None:
    with feed_server(reader, LiveSettings(heartbeat=0.0)) as (url, _):
        with listening(url, user_email="her@company.com") as her, listening(url) as everything:
            write(writer, make_row(user_email="him@company.com"))
            everything.until_rows(1)
            while her.until("heartbeat")["cursor"] != everything.cursor:
                pass
            assert her.rows == []
        ids = write(writer, make_row(user_email="her@company.com"))
        with listening(url, her.cursor) as resumed:
            resumed.until_rows(1)
    assert resumed.event_ids == ids
