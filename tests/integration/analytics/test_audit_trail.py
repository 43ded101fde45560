"""``GET /governance/audit``: the list and the trail have the same rows, for who governs, as a page in which no text does anything."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from prelude_analytics.access import audit as recording
from prelude_analytics.access.audit import Records
from prelude_store.governance.people import person_hash, person_key
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.captured import captured_leniently
from tests.support.dashboard import hostile_rows, signed_in
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row, now_us

HOUR_US = 3_600_000_000
PENDING = make_row(user_email=ADA, result_status="pending", timestamp_us=now_us() - 2 * HOUR_US)
ROWS = [
    *(make_row(user_email=ADA, timestamp_us=now_us() - number * HOUR_US) for number in range(1, 1200)),
    *(make_row(user_email=BOB, service_name="another", entity_id="1") for _ in range(30)),
    PENDING,
    make_row(user_email=ADA, completes_event_id=PENDING.event_id, timestamp_us=now_us() - HOUR_US),
]


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    database = postgres.create_database()
    with closing(Writer(as_role(database, "writer"))) as writer:
        writer.write(Batch(rows=ROWS))
    with running_analytics(database) as running:
        yield running
    postgres.drop_database(database)


def told(service: Analytics, **asked: Any) -> list[dict[str, Any]]:
    with service.signed("govern") as client:
        answer = client.get("/governance/audit", params={"days": "90", "format": "ndjson", **asked})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize(
    "asked", [{}, {"user_email": ADA.upper()}, {"entity_type": "deal", "entity_id": "1"}, {"service_name": "another"}]
)
def test_the_trail_has_the_rows_of_the_list_and_the_pending_ones_that_were_ended(
    service: Analytics, asked: dict[str, str]
) -> None:
    trail = [line["event_id"] for line in told(service, **asked) if line["record"] == "activity"]
    with service.signed("govern") as client:
        listed = client.get("/export.ndjson", params={"days": "90", **asked}).text.splitlines()
    ended = [PENDING.event_id] if not asked or "user_email" in asked else []
    assert sorted(trail) == sorted([*(json.loads(line)["event_id"] for line in listed), *ended])
    assert len(trail) > 25


@pytest.mark.parametrize("role", ["self", "all"])
@pytest.mark.parametrize("kind", ["html", "csv", "ndjson"])
def test_no_other_role_gets_one(service: Analytics, role: Any, kind: str) -> None:
    with service.signed(role, ADA) as client:
        answer = client.get("/governance/audit", params={"format": kind, "user_email": ADA})
        assert (answer.status_code, ADA in answer.text) == (403, False)
    with signed_in(service, role, ADA) as browser:
        assert browser.get("/analytics/audit").status_code == 403
        assert "/analytics/audit" not in browser.get("/analytics/reports").text


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"format": "pdf"}, "format"),
        ({"user_email": ADA, "service_name": "crm"}, "user_email"),
        ({"entity_type": "deal"}, "entity_type"),
        ({"entity_id": "7"}, "entity_id"),
        ({"tag": "vip"}, "tag"),
        ({"from": "2026-02-30"}, "from"),
        ({"user_email": "a\x00b"}, "user_email"),
    ],
)
def test_what_can_not_be_is_refused_by_its_name(service: Analytics, asked: dict[str, str], parameter: str) -> None:
    with service.signed("govern") as client:
        answer = client.get("/governance/audit", params=asked)
    assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)


def test_a_browser_may_do_nothing_with_the_page_but_show_it_by_its_own_style(postgres: TestServer) -> None:
    database = postgres.create_database()
    try:
        with closing(Writer(as_role(database, "writer"))) as writer:
            writer.write(Batch(rows=hostile_rows()))
        with running_analytics(database) as service, signed_in(service, "govern") as browser:
            page = browser.get("/api/analytics/governance/audit?reads=true")
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            style = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
            assert len(style) == 1
            assert page.headers["content-security-policy"].startswith(
                f"default-src 'none'; style-src 'sha256-{digest}'"
            )
            assert page.headers["cache-control"] == "no-store"
            assert re.findall(r"<(?:script|img|link|iframe|a|form)\b", page.text) == []
            cells = csv.DictReader(
                io.StringIO(browser.get("/api/analytics/governance/audit?format=csv").text, newline="")
            )
            assert len([one for one in cells if one["record"] == "activity"]) == len(hostile_rows())
    finally:
        postgres.drop_database(database)


def test_each_report_is_recorded_as_an_export_with_what_was_asked(database: str) -> None:
    with captured_leniently() as captured, running_analytics(database, Records()) as service:
        with service.signed("govern", ADA) as client:
            client.get("/governance/audit", params={"user_email": ADA, "reads": "true"})
        with service.signed("all", ADA) as client:
            client.get("/governance/audit")
        with signed_in(service, "govern") as browser:
            browser.get("/analytics/audit")
    done = [
        (f"{one.action_type}.{one.action_name}", one.result_status, one.action_data.get("filters")) for one in captured
    ]
    assert done == [
        ("export.export_audit_trail", "success", {"user_email": ADA, "reads": "true"}),
        ("export.export_audit_trail", "error", None),
        ("analytics.sign_in", "success", None),
    ]
    assert recording._KINDS["/governance/audit"].type == "export"


def test_who_governs_sees_acts_about_the_person(service: Analytics) -> None:
    with psycopg.connect(service.database) as connection:
        person = person_hash(person_key(connection), ADA).hex()
        insert = (
            "INSERT INTO governance_acts (lane, lane_seq, kind, actor, detail) VALUES (1, %s, 'hold', 'token-1', %s)"
        )
        connection.execute(insert, [10**9, json.dumps({"person": person})])
        connection.execute(insert, [10**9 + 1, json.dumps({"person": "ab" * 32})])
    acts = [line for line in told(service, user_email=ADA) if line["record"] == "act"]
    assert [act["detail"]["person"] for act in acts] == [person]
    assert len([line for line in told(service) if line["record"] == "act"]) == 2


def test_the_screen_leads_to_just_the_report_that_its_address_says(service: Analytics) -> None:
    with signed_in(service, "govern") as browser:
        assert "/analytics/audit" in browser.get("/analytics/reports").text
        page = browser.get(f"/analytics/audit?user_email={ADA}&tag=vip&reads=on&from=2026-01-01&to=2026-02-01").text
        assert "takes no filter by tag" in page
        assert "Not sealed." in page
        hrefs = [href.replace("&amp;", "&") for href in re.findall(r'href="(/api/[^"]+)"', page)]
        assert [href.rpartition("=")[2] for href in hrefs] == ["html", "csv", "ndjson"]
        report = browser.get(hrefs[0])
        assert (report.status_code, f"person {ADA}" in report.text, "Who looked" in report.text) == (200, True, True)
        assert "from=2026-01-01" in hrefs[0]
        half = browser.get("/analytics/audit?entity_type=deal").text
        assert "an entity is a type and an id" in half
        assert "/api/analytics/governance" not in half
