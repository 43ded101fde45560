"""How the log fares: figures against the database, and the quarantine in the hands of those who govern."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prelude_analytics.access import audit
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.ports import free_ports
from tests.support.quarantined import quarantine, record
from tests.support.rows import make_row, now_us, waiting_row
from tests.support.uvicorn_server import running_server

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def service(database: str) -> Iterator[Analytics]:
    with running_analytics(database) as running:
        yield running


def told(service: Analytics, path: str, role: Any = "all", method: str = "GET") -> Any:
    with service.signed(role) as client:
        answer = client.request(method, path)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def test_lags_are_from_the_end_of_an_action_to_its_row(
    service: Analytics, writer: Writer, superuser: Connection
) -> None:
    superuser.execute("UPDATE prelude_migrations SET applied_at = now() - interval '2 days'")
    for late, long in ((10, 0), (20, 500), (3_000, 1_000), (1_200_000, 0), (20_000_000, 0)):
        row = make_row(timestamp_us=now_us() - (late + long) * 1000, duration_ms=long)
        writer.write(Batch(rows=[row]))
        superuser.execute(
            "UPDATE user_activity_logs SET created_at = \"timestamp\" + %s * interval '1 ms' WHERE event_id = %s",
            [late + long, row.event_id],
        )
    windows = {one["minutes"]: one for one in told(service, "/system")["lag"]}
    seen = {minutes: (one["rows"], one["p50_ms"], one["p95_ms"]) for minutes, one in windows.items()}
    assert seen == {5: (3, 20, 3_000), 60: (4, 20, 1_200_000), 1440: (5, 3_000, 20_000_000)}
    steps = windows[60]["over_time"]
    assert sum(step["rows"] for step in steps) == 4
    assert len(steps) == 12
    assert not windows[1440]["sampled"]


def test_what_happened_before_there_was_a_log_has_no_lag(
    service: Analytics, writer: Writer, superuser: Connection
) -> None:
    superuser.execute(
        "UPDATE prelude_migrations SET applied_at = now() - interval '30 minutes' + version * interval '1 minute'"
    )
    ages = (0, 20, 28, 32, 600)
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - age * 60_000_000) for age in ages]))
    shown = told(service, "/system")
    assert {one["minutes"]: one["rows"] for one in shown["lag"]} == {5: 1, 60: 3, 1440: 3}
    (began,) = superuser.execute("SELECT min(applied_at) FROM prelude_migrations").fetchone() or (None,)
    assert datetime.fromisoformat(shown["database"]["began"]) == began


def test_of_many_rows_the_newest_of_each_step_are_looked_at(service: Analytics, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - 1000 * number) for number in range(300)]))
    window = told(service, "/system")["lag"][0]
    assert (window["rows"], window["sampled"]) == (200, True)


def test_figures_are_those_of_the_database(service: Analytics, writer: Writer, superuser: Connection) -> None:
    rows = [make_row(timestamp_us=now_us() - 1000) for _ in range(7)]
    waits = [waiting_row() for _ in range(3)]
    writer.write(Batch(rows=[*rows, *waits], spans=[SpanLength("a" * 32, "b" * 16, 5)]))
    quarantine(service.database, record("perhaps"), record("perhaps", deal_name="Other"), record())
    shown = told(service, "/system")
    assert shown["rate"]["last_minute"] == 7
    assert shown["quarantine"] == [
        {"reason": "unknown_status", "count": 2},
        {"reason": "timestamp_out_of_range", "count": 1},
    ]
    assert (shown["joins"]["records"], shown["joins"]["spans"]) == (3, 1)
    lanes: dict[int, int] = dict(superuser.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall())
    assert {one["lane"]: one["last_seq"] for one in shown["lanes"]} == lanes
    assert shown["figures"]["behind"] == sum(lanes.values())
    partitions = superuser.execute(
        "SELECT inhrelid::regclass::text, pg_total_relation_size(inhrelid) FROM pg_inherits"
        " WHERE inhparent = 'user_activity_logs'::regclass"
    ).fetchall()
    assert {one["name"]: one["bytes"] for one in shown["partitions"]} == dict(partitions)
    assert [one["from"] for one in shown["partitions"]] == sorted(
        (one["from"] for one in shown["partitions"]), reverse=True
    )
    (version,) = superuser.execute("SELECT max(version) FROM prelude_migrations").fetchone() or (0,)
    assert shown["database"]["schema_version"] == version
    assert shown["database"]["bytes"] > 1_000_000


def test_rates_are_those_that_the_figures_have_counted(
    service: Analytics, writer: Writer, keeping: psycopg.Connection[Any]
) -> None:
    from prelude_store.rollups import passes

    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - 1000) for _ in range(7)]))
    while passes.carry_out(keeping).places:
        pass
    shown = told(service, "/system")
    assert sum(step["rows"] for step in shown["rate"]["over_time"]) == 7
    assert len(shown["rate"]["over_time"]) == 96
    assert shown["figures"]["behind"] == 0
    assert shown["figures"]["as_of"] is not None


def test_without_a_login_for_it_the_quarantine_is_not_shown_and_that_is_said(database: str) -> None:
    with running_analytics(database, care_url="") as service:
        shown = told(service, "/system")
        assert (shown["quarantine"], shown["joins"]) == (None, None)
        with service.signed("govern") as client:
            for path in ("/quarantine", "/quarantine/1"):
                answer = client.get(path)
                assert answer.status_code == 501
                assert "PRELUDE_CARE_DATABASE_URL" in answer.json()["detail"]


def test_the_list_of_the_quarantine_is_narrowed_and_paged(service: Analytics) -> None:
    quarantine(service.database, record("perhaps"), record(), record("maybe"))
    first = told(service, "/quarantine?limit=2")
    rest = told(service, f"/quarantine?limit=2&before={first['next_before']}")
    assert [one["id"] for one in first["items"] + rest["items"]] == [3, 2, 1]
    assert rest["next_before"] is None
    (only,) = told(service, "/quarantine?reason=timestamp_out_of_range")["items"]
    assert only["signal"] == "logs"
    assert "payload" not in only
    with service.signed("all") as client:
        assert client.get("/quarantine?state=gone").json()["parameter"] == "state"


def test_a_record_is_decoded_for_those_who_govern_and_for_nobody_else(service: Analytics) -> None:
    quarantine(service.database, record("perhaps"))
    entry = told(service, "/quarantine/1", "govern")
    (scope,) = entry["record"][0]["scopes"]
    assert scope["records"][0]["attributes"]["prelude.action.data"] == {"deal_name": "Enterprise"}
    for role in ("self", "all"):
        with service.signed(role) as client:
            for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
                answer = client.request(method, f"/quarantine/1{path}")
                assert (answer.status_code, answer.json()["title"]) == (403, "Not yours")


def test_a_replay_makes_just_its_row_and_what_is_wrong_in_itself_stays(
    service: Analytics, superuser: Connection
) -> None:
    quarantine(service.database, record(), record("perhaps"))
    by_reason = {one["reason"]: one["id"] for one in told(service, "/quarantine")["items"]}
    good, bad = by_reason["timestamp_out_of_range"], by_reason["unknown_status"]
    done = told(service, f"/quarantine/{good}/replay", "govern", "POST")
    assert (done["became"], done["entry"]["replayed_at"] is not None) == ("row", True)
    assert superuser.execute("SELECT user_email FROM user_activity_logs").fetchall() == [("ada@company.com",)]
    with service.signed("govern") as client:
        assert client.post(f"/quarantine/{good}/replay").status_code == 409
    stays = told(service, f"/quarantine/{bad}/replay", "govern", "POST")
    assert (stays["became"], stays["entry"]["reason"]) == ("stayed", "unknown_status")
    told(service, f"/quarantine/{bad}", "govern", "DELETE")
    with service.signed("govern") as client:
        assert client.delete(f"/quarantine/{bad}").status_code == 404
    assert told(service, "/quarantine")["items"] == []


def test_what_nothing_here_can_read_is_shown_with_why(database: str, tmp_path: Path) -> None:
    quarantine(database, record())
    wrong = tmp_path / "catalogue.toml"
    wrong.write_text("nonsense")
    with running_analytics(database, catalogues=(wrong,)) as service:
        entry = told(service, "/quarantine/1", "govern")
        assert (entry["reason"], entry["record"]) == ("timestamp_out_of_range", None)
        assert "catalogue.toml" in entry["unreadable"]
        with service.signed("govern") as client:
            assert client.post("/quarantine/1/replay").status_code == 501


def test_each_look_and_each_deed_is_recorded_by_a_name_of_its_own(database: str) -> None:
    told_of: list[str] = []

    def recorder(scope: Any, route: str, caller: Any, status: int) -> None:
        if status < 400:
            told_of.append(f"DELETE {route}" if scope["method"] == "DELETE" else route)

    quarantine(database, record(), record("perhaps"))
    with running_analytics(database, recorder) as service:
        told(service, "/quarantine")
        for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
            told(service, f"/quarantine/1{path}", "govern", method)
    assert [audit._KINDS[route].name for route in told_of] == [
        "view_quarantine",
        "view_quarantined",
        "replay_quarantined",
        "discard_quarantined",
    ]


def test_of_an_exporter_that_is_away_or_none_that_is_said(database: str) -> None:
    with running_analytics(database) as service:
        assert told(service, "/system")["exporter"]["address"] == ""
    address = f"http://127.0.0.1:{free_ports('exporter')['exporter']}"
    with running_analytics(database, exporter_url=address) as service:
        shown = told(service, "/system")["exporter"]
    assert (shown["reachable"], shown["ready"]) == (False, False)
    assert shown["why_not"].startswith("no answer within 1 s")


def test_the_exporter_is_asked_how_it_fares(database: str, writer: Writer) -> None:
    from prelude_exporter.edge.http_app import HttpApp
    from prelude_exporter.limits import Limits
    from prelude_exporter.watch.metrics import Metrics
    from prelude_exporter.watch.readiness import Readiness

    readiness = Readiness()
    metrics = Metrics(readiness)
    rows = [make_row(), make_row()]
    metrics.committed(writer.write(Batch(rows=rows)), 2, 0.1)
    app = HttpApp(None, metrics, readiness, Limits())  # type: ignore[arg-type]  # nobody sends to it
    with running_server(app, lifespan="off") as address, running_analytics(database, exporter_url=address) as service:
        shown = told(service, "/system")["exporter"]
        assert (shown["reachable"], shown["ready"], shown["figures"]["inserted"]) == (True, True, 2)
        assert shown["version"]
        readiness.red("the disk is full")
        service.app.state.exporter.forget()
        shown = told(service, "/system")["exporter"]
        assert (shown["ready"], shown["why_not"]) == (False, "the disk is full")
