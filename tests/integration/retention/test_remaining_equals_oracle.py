"""Whatever policies, holds and histories: what remains is what plain Python says, counts stand, and nothing personal outlives its row."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from prelude_store.connection import Connection, connect
from prelude_store.retention.keeping import RetentionError
from prelude_store.retention.plan import plan
from prelude_store.retention.run import run
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import verify
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import settle
from tests.oracle.retention import CLASSES, Keep, Row, Rule, remaining
from tests.support.histories import START_US, history
from tests.support.postgres import as_role
from tests.support.retention import hold, keep

CASES = int(os.environ.get("PRELUDE_ORACLE_CASES", "25"))
START = datetime.fromtimestamp(START_US / 1_000_000, UTC)
TABLES = (
    "user_activity_logs, ingest_lanes, activity_amendments, span_joins, activity_rollups, latency_rollups, latency_totals,"
    " user_rollups, customer_rollups, email_rollups, deal_value_rollups, rollup_days, rollup_cursors, rollup_rebuild, superseded_rows,"
    " pending_rows, user_session_summaries, activity_quarantine, governance_acts, activity_changes, retention_policies, legal_holds,"
    " retention_days, retention_drops, retention_runs, erasure_runs, timeline_days, activity_days, timeline_users, timeline_cursors, timeline_pending"
)
IMPERSONAL = {
    "activity_rollups": "*",
    "latency_rollups": "*",
    "latency_totals": "*",
    "deal_value_rollups": "*",
    "customer_rollups": "grain, bucket, customer_id, action_name, success, error, pending, timeout, last_at",
    "email_rollups": "grain, bucket, action_name, method, result_status, sum(count)",
}
SCOPES = (
    (None, None),
    ("crm", None),
    ("navigation", None),
    ("crm", "send_email"),
    ("crm", "view_customer"),
    ("crm", "create_deal"),
)

Superuser = psycopg.Connection[tuple[Any, ...]]


def clear(superuser: Superuser, writers: tuple[Writer, Writer]) -> None:
    for writer in writers:
        writer.close()
    superuser.execute(f"TRUNCATE {TABLES} CASCADE".encode())
    superuser.execute("UPDATE rollup_state SET as_of = NULL")


def rows_of(superuser: Superuser) -> list[Row]:
    with superuser.cursor(row_factory=dict_row) as query:
        return query.execute("SELECT * FROM user_activity_logs ORDER BY event_id, timestamp").fetchall()


def rules(pick: Random, governor: Connection) -> list[Rule]:
    """Policies that make sense together, set."""
    found: list[Rule] = []
    for _ in range(pick.choice([1, 2, 3, 5])):
        (kind, name), what = pick.choice(SCOPES), pick.choice(["rows", "rows", *CLASSES])
        days, by_week = pick.choice([1, 2, 5, 14, 20, None]), pick.random() < 0.3
        if any((rule.action_type, rule.action_name, rule.what) == (kind, name, what) for rule in found):
            continue
        try:
            keep(
                governor,
                f"{days}d" if days else "forever",
                kind,
                name,
                None if what == "rows" else what,
                by_week=by_week,
            )
        except RetentionError:
            continue
        found.append(Rule(kind, name, what, days, by_week))
    return found


def holds(pick: Random, governor: Connection) -> list[Keep]:
    found = []
    for _ in range(pick.choice([0, 0, 1, 2])):
        since, until = pick.choice([(0, None), (None, 30), (15, 1441), (1440, 30_000)])
        time = {
            "since": None if since is None else START + timedelta(minutes=since),
            "until": None if until is None else START + timedelta(minutes=until),
        }
        covers: dict[str, Any] = pick.choice(
            [
                {"user": " A@x.com"},
                {"entity_type": "deal"},
                {"entity_type": "deal", "entity_id": "9"},
                time,
                time | {"user": "b@x.com"},
            ]
        )
        hold(governor, **covers)
        found.append(Keep(**{name: value.strip() if name == "user" else value for name, value in covers.items()}))
    return found


def impersonal(superuser: Superuser) -> dict[str, Counter[tuple[str, ...]]]:
    found = {}
    for table, columns in IMPERSONAL.items():
        grouped = " GROUP BY 1, 2, 3, 4, 5" if "sum(" in columns else ""
        rows = superuser.execute(f"SELECT {columns} FROM {table}{grouped}".encode()).fetchall()
        found[table] = Counter(tuple(map(str, row)) for row in rows)
    return found


def nothing_personal_outlives_its_row(superuser: Superuser) -> None:
    there = {
        email
        for (email,) in superuser.execute("SELECT DISTINCT user_email FROM user_activity_logs WHERE user_email <> ''")
    }
    for question in (
        "SELECT user_email FROM user_rollups",
        "SELECT user_email FROM email_rollups WHERE user_email <> ''",
        "SELECT unnest(user_emails) FROM customer_rollups",
        "SELECT user_email FROM user_session_summaries",
        "SELECT user_email FROM timeline_users",
    ):
        assert {email for (email,) in superuser.execute(question)} <= there, question
    for question in (
        "SELECT event_id FROM pending_rows WHERE event_id NOT IN (SELECT event_id FROM user_activity_logs)",
        "SELECT event_id FROM timeline_pending WHERE event_id NOT IN (SELECT event_id FROM user_activity_logs)",
        "SELECT lane FROM superseded_rows WHERE (lane, lane_seq) NOT IN (SELECT lane, lane_seq FROM user_activity_logs)",
    ):
        assert superuser.execute(question.encode()).fetchall() == [], question


def all_is_told(superuser: Superuser, before: list[Row], after: list[Row]) -> None:
    """Each row that went has its entry, or stands within a drop; so has each class of columns."""
    told = {
        (event_id, at, kind, cls)
        for event_id, at, kind, cls in superuser.execute(
            'SELECT event_id, "timestamp", kind, class FROM activity_changes'
        )
    }
    drops = superuser.execute("SELECT starts, ends FROM retention_drops WHERE state = 'dropped'").fetchall()
    left = {(row["event_id"], row["timestamp"]): row for row in after}
    expected: set[tuple[Any, ...]] = set()
    for row in before:
        key = row["event_id"], row["timestamp"]
        if key in left:
            for cls, columns in CLASSES.items():
                if any(row[column] != left[key][column] for column in columns):
                    expected.add((*key, "erased", cls))
        elif not any(starts <= row["timestamp"] < ends for starts, ends in drops):
            expected.add((*key, "removed", None))
    assert told == expected


@settings(max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
def test_what_remains_is_what_is_to_remain(
    database: str,
    superuser: Superuser,
    governor: Connection,
    keeping: Connection,
    writers: tuple[Writer, Writer],
    seed: int,
    size: int,
) -> None:
    pick = Random(seed)
    clear(superuser, writers)
    rows, spans = history(pick, size)
    rows = [row._replace(action_data='{"to": "B@x.com."}') if pick.random() < 0.1 else row for row in rows]
    times = {row.event_id: row.timestamp_us for row in rows}
    # What ends another comes behind it: else the day of the other is counted anew first, and goes with the next run.
    rows = [
        row if times.get(row.completes_event_id or "", 0) <= row.timestamp_us else row._replace(completes_event_id=None)
        for row in rows
    ]
    for part in (rows[::2], rows[1::2]):
        pick.choice(writers).write(Batch(rows=part, spans=spans))
    with connect(as_role(database, "keeper"), "test") as timeline:
        while tend(timeline):
            pass
    if pick.random() < 0.8:
        settle(keeping)
    else:
        passes.carry_out(keeping, portion=pick.choice([3, 10]))
    policies, kept_rows = rules(pick, governor), holds(pick, governor)
    now = START + timedelta(days=pick.choice([1, 3, 8, 15, 16, 22, 40]), hours=pick.choice([0, 1, 7]))
    counted: dict[int, int] = dict(superuser.execute("SELECT lane, seq FROM rollup_cursors").fetchall())
    before, counts = rows_of(superuser), impersonal(superuser)
    as_of = superuser.execute("SELECT as_of FROM rollup_state").fetchone()
    for row in before:
        row["uncounted"] = as_of != (None,) and row["lane_seq"] > counted.get(row["lane"], 0)
    expected = remaining(before, policies, kept_rows, now)
    promised = plan(governor, now)

    outcome = run(governor, now=now)

    found = rows_of(superuser)
    columns = [column for column in before[0] if column not in ("uncounted", "content_hash")]
    assert [[row[column] for column in columns] for row in found] == [
        [row[column] for column in columns] for row in expected
    ]
    assert outcome.rows == len(before) - len(found)
    assert sum(n for week in promised.weeks for (_, what), n in week.going.items() if what == "rows") == outcome.rows
    assert sum(week.drop for week in promised.weeks) == outcome.partitions
    assert impersonal(superuser) == counts
    all_is_told(superuser, before, found)
    again = run(governor, now=now)
    assert (again.rows, again.columns) == (0, 0)
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []
    counts = impersonal(superuser)
    building.begin(keeping)
    settle(keeping)
    assert impersonal(superuser) == counts  # a rebuild makes nothing of rows that are gone
    assert verify(keeping.info.dsn).differences == []
    if as_of != (None,):
        nothing_personal_outlives_its_row(superuser)
