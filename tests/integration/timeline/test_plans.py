"""What the timeline asks of the database is answered by an index, where tables grow; asked of the planner, on many rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_analytics.filters import Filters
from prelude_analytics.queries import load, names
from prelude_store.connection import connect
from prelude_store.timeline.build import build_all
from prelude_store.timeline.rows import COUNTED, SERVICE, STATUS_CODE
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, DAYS, ROWS = datetime(2026, 3, 1, tzinfo=UTC), 20, 20_000
CONDITION, VALUES = Filters(q="deal").where("log")
ASKED: dict[str, Any] = VALUES | {
    "first": date(2026, 3, 5),
    "last": date(2026, 3, 9),
    "days": [date(2026, 3, 5), date(2026, 3, 6)],
    "actions": [1],
    "users": [1, 2, 3],
    "ids": [1, 2, 3],
    "emails": ["user1@x.com", "user2@x.com", "user3@x.com"],
    "since": BEGIN,
    "until": BEGIN + timedelta(days=3),
    "starts": [BEGIN],
    "ends": [BEGIN + timedelta(hours=6)],
    "types": ["crm"],
    "names": ["create_deal"],
    "cut": BEGIN,
    "most": 1000,
    "property": None,
}
FRAGMENTS = {
    "timeline_rows": {
        "status": STATUS_CODE,
        "service": SERVICE,
        "counted": COUNTED,
        "filters": CONDITION,
        "actions": "true",
        "property": "NULL::text",
    },
    "timeline_seen_before": {"filters": CONDITION, "counted": COUNTED},
    "timeline_blocks": {"more": ""},
}
SMALL = {"timeline_actions", "timeline_services", "timeline_state", "timeline_cursors", "ingest_lanes"}
"""Tables of a few rows, whatever is in the log."""


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as superuser:
        for day in range(DAYS):
            superuser.execute("SELECT prelude_ensure_partition(%s)", [BEGIN + timedelta(days=day)])
        superuser.execute(
            f"""
            INSERT INTO user_activity_logs (event_id, "timestamp", user_email, action_type, action_name, result_status, content_hash, lane, lane_seq)
            SELECT gen_random_uuid(), %s::timestamptz + n * interval '1 second' * {DAYS * 86_400 / ROWS - 1},
                'user' || n %% 500 || '@x.com', 'crm', (ARRAY['create_deal', 'view_deal'])[1 + n %% 2], 'success', '\\x00', 1, n
            FROM generate_series(1, {ROWS}) AS n
            """.encode(),
            [BEGIN],
        )
        build_all(as_role(database, "keeper"))
        superuser.execute("ANALYZE")
    return database


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def test_every_question_of_the_timeline_reads_by_index(filled: str) -> None:
    faults = []
    with connect(as_role(filled, "reader"), "test") as connection:
        # Days and users of a test are so few that reading all of them would be cheaper than any index.
        connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_custom_plan; SET jit = off")
        for name in [name for name in names() if name.startswith("timeline_")]:
            text = load(name, **FRAGMENTS.get(name, {})).as_string(connection)
            used = {key: value for key, value in ASKED.items() if f"%({key})s" in text}
            (found,) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), used).fetchone() or ("[]",)
            plan = json.loads(found) if isinstance(found, str) else found
            faults += [
                f"{name} reads {node['Relation Name']} from end to end"
                for node in nodes(plan[0]["Plan"])
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL
            ]
    assert faults == []
