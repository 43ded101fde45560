"""Promises 4 and 5: one row however often it comes, and no fault that spreads."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.integration.exporter.conftest import Exporter, activity, logs

Query = Callable[..., list[tuple[Any, ...]]]
COUNT = "SELECT count(*) FROM user_activity_logs"


def test_a_resend_makes_no_second_row(exporter: Exporter, query: Query) -> None:
    request = logs(*map(activity, range(1, 51)))
    for _ in range(3):
        exporter.call(request)
    exporter.post(request)
    assert query(COUNT) == [(50,)]
    assert query("SELECT count(*) FROM activity_quarantine") == [(0,)]


def test_a_resend_without_an_id_makes_no_second_row(exporter: Exporter, query: Query) -> None:
    request = logs(activity(log__record__uid=None))
    exporter.call(request)
    exporter.call(request)
    assert query("SELECT substr(event_id::text, 15, 1) FROM user_activity_logs") == [("8",)]


def test_the_same_id_with_other_content_is_quarantined_once(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(activity()))
    for _ in range(2):
        exporter.call(logs(activity(user__email="other@company.com")))
    assert query("SELECT user_email FROM user_activity_logs") == [("user@company.com",)]
    ((payload,),) = query("SELECT payload FROM activity_quarantine")
    assert b"other@company.com" in payload


def test_a_poison_record_costs_no_neighbour_and_can_be_replayed(exporter: Exporter, query: Query) -> None:
    poison = activity(2, prelude__result__status="perhaps")
    exporter.call(logs(activity(1), poison, activity(3)))
    assert query("SELECT entity_id FROM user_activity_logs ORDER BY 1") == [("1",), ("3",)]
    ((signal, reason, detail, payload),) = query("SELECT signal, reason, detail, payload FROM activity_quarantine")
    assert (signal, reason) == ("logs", "unknown_status")
    assert "'perhaps'" in detail
    assert ExportLogsServiceRequest.FromString(payload) == ExportLogsServiceRequest.FromString(logs(poison))


def test_a_row_that_the_database_refuses_is_quarantined_with_its_own_bytes(exporter: Exporter, query: Query) -> None:
    old = activity(2)
    old.time_unix_nano = 1
    exporter.call(logs(activity(1), old, activity(3)))
    assert query(COUNT) == [(2,)]
    ((payload,),) = query("SELECT payload FROM activity_quarantine")
    assert ExportLogsServiceRequest.FromString(payload) == ExportLogsServiceRequest.FromString(logs(old))


def test_a_request_of_bad_rows_alone_is_quarantined_in_time(exporter: Exporter, query: Query) -> None:
    records = [activity(number) for number in range(1, 2001)]
    for record in records:
        record.time_unix_nano = 1
    assert exporter.call(logs(*records)) == b""
    assert query("SELECT count(*) FROM activity_quarantine") == [(2000,)]


def test_text_that_is_no_utf_8_costs_neither_the_request_nor_the_row(exporter: Exporter, query: Query) -> None:
    request = logs(activity(1, user_agent__original="Mozilla"), activity(2)).replace(b"Mozilla", b"Mo\xff\xfella")
    exporter.call(request)
    assert query("SELECT user_agent, result_data FROM user_activity_logs WHERE entity_id = '1'") == [
        ("Mo�lla", {"mended": {"user_agent": "was no UTF-8"}})
    ]
    assert query(COUNT) == [(2,)]


def test_requests_at_once_share_commits_and_all_land(exporter: Exporter, query: Query) -> None:
    requests = [logs(*(activity(batch * 1000 + number) for number in range(100))) for batch in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(exporter.call, requests)) == [b""] * 40
    assert query(COUNT) == [(4000,)]
    assert query("SELECT count(*) FROM (SELECT DISTINCT lane, lane_seq FROM user_activity_logs) AS places") == [(4000,)]


def test_one_request_above_the_size_of_a_commit_lands_whole(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(*map(activity, range(1, 12_001))))
    assert query(COUNT) == [(12_000,)]


def test_hostile_values_land_mended(exporter: Exporter, query: Query) -> None:
    hostile = {"a\0b": "c\0d", "number": float("nan"), "list": [float("inf"), "\0"], "deep": {"er": {"est": -(2**63)}}}
    exporter.call(logs(activity(prelude__action__data=hostile, session__id="s" * 5000, prelude__page__url="/\0")))
    ((session, url, data, result),) = query(
        "SELECT session_id, page_url, action_data, result_data FROM user_activity_logs"
    )
    assert (len(session), url) == (200, "/")
    assert data == {"ab": "cd", "list": [None, ""], "deep": {"er": {"est": -(2**63)}}}
    assert result["rejected_fields"] == {"number": "nan"}
    assert result["mended"]["session_id"] == "cut from 5000 characters"


def test_two_exporters_with_the_same_records_cut_in_other_ways_make_each_row_once(
    start: Callable[..., Exporter], database: str, query: Query
) -> None:
    """Replicas behind a load balancer: resends overlap, are cut anew, and come in opposite order, all at the same time."""
    exporters = [start(database), start(database)]
    records = [activity(number) for number in range(1, 601)]
    forged = [activity(number, user__email="other@company.com") for number in range(1, 601, 100)]
    pick = random.Random(7)
    requests = []
    for size in (600, 200, 50, 7):
        cuts = [records[at : at + size] for at in range(0, 600, size)]
        requests += [logs(*pick.sample(cut, len(cut))) for cut in cuts + cuts[::-1]]
    requests += [logs(*records[100:400]), logs(*records[::-1])]
    pick.shuffle(requests)
    exporters[0].call(logs(*records[::100]))  # the true ones first: what comes second is the conflict
    requests[5:5] = requests[60:60] = [logs(*forged, *records[::9])]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda numbered: _patiently(exporters[numbered[0] % 2], numbered[1]), enumerate(requests))
        )
    assert len(answers) == len(requests)
    assert query(
        "SELECT count(*), count(DISTINCT event_id), count(DISTINCT (lane, lane_seq)) FROM user_activity_logs"
    ) == [(600, 600, 600)]
    assert query("SELECT DISTINCT user_email FROM user_activity_logs") == [("user@company.com",)]
    assert query("SELECT reason, count(*) FROM activity_quarantine GROUP BY reason") == [("content_conflict", 6)]


def _patiently(exporter: Exporter, request: bytes) -> bytes:
    """As the Collector does: what is answered with "come again" is sent again."""
    while True:
        try:
            return exporter.call(request)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
