"""What rollups and sessions must hold: counted from raw rows in plain Python, slowly and obviously."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from prelude_store.rollups import sketch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GRAINS = {
    "activity_rollups": (15, 60, 1440),
    "latency_rollups": (15, 60, 1440),
    "latency_totals": (15, 60, 1440),
    "user_rollups": (15, 60, 1440),
    "customer_rollups": (15, 1440),
    "email_rollups": (15, 1440),
    "deal_value_rollups": (15, 1440),
}

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, Any]
Table = dict[tuple[Any, ...], tuple[Any, ...]]


def rows_at(connection: Connection, cursors: Mapping[int, int]) -> list[Row]:
    """Every row at or below `cursors`, with the duration that was known there, and `superseded`."""
    with connection.cursor(row_factory=dict_row) as query:
        rows = query.execute("SELECT * FROM user_activity_logs").fetchall()
        amended = {
            (found["event_id"], found["timestamp"]): (found["lane"], found["lane_seq"])
            for found in query.execute("SELECT * FROM activity_amendments").fetchall()
        }
    rows = [row for row in rows if row["lane_seq"] <= cursors.get(row["lane"], 0)]
    ended = {row["completes_event_id"] for row in rows if row["completes_event_id"] != row["event_id"]}
    for row in rows:
        lane, seq = amended.get((row["event_id"], row["timestamp"]), (0, 0))
        if seq > cursors.get(lane, 0):
            row["duration_ms"] = None
        row["superseded"] = row["result_status"] == "pending" and row["event_id"] in ended
    return sorted(rows, key=lambda row: (row["timestamp"], row["lane"], row["lane_seq"], row["event_id"]))


def kept(rows: list[Row], gap: timedelta) -> dict[str, Table]:
    """All tables, as ``{key: values}``."""
    tables: dict[str, Table] = {name: {} for name in GRAINS}
    for name, grains in GRAINS.items():
        for grain in grains:
            groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
            for row in rows:
                if not row["superseded"]:
                    for key in _keys(name, row):
                        groups[(grain, _bucket(row["timestamp"], grain), *key)].append(row)
            for key, members in groups.items():
                values = _values(name, members)
                if values is not None:
                    tables[name][key] = values
    tables["user_session_summaries"] = _sessions(rows, gap)
    return tables


def stored(connection: Connection) -> dict[str, Table]:
    """What the database has, in the same form."""
    tables: dict[str, Table] = {}
    for name, keys in {
        "activity_rollups": 8, "latency_rollups": 6, "latency_totals": 2, "user_rollups": 4, "customer_rollups": 4,
        "email_rollups": 6, "deal_value_rollups": 3,
    }.items():  # fmt: skip
        found = connection.execute(f"SELECT * FROM {name}".encode()).fetchall()
        tables[name] = {row[:keys]: row[keys:] for row in found}
    sessions = connection.execute(
        "SELECT user_email, session_id, derived, started_at, ended_at, duration_ms, activity_count, success_count, error_count,"
        " pending_count, timeout_count, first_page, last_page FROM user_session_summaries"
    ).fetchall()
    tables["user_session_summaries"] = {row[:3]: row[3:] for row in sessions}
    return tables


def _bucket(at: datetime, minutes: int) -> datetime:
    size = timedelta(minutes=minutes)
    return EPOCH + (at - EPOCH) // size * size


def _keys(table: str, row: Row) -> list[tuple[Any, ...]]:
    text = {name: value or "" for name, value in row.items() if value is None or isinstance(value, str)}
    name, data = row["action_name"], row["action_data"] or {}
    customer = data.get("customer_id")
    if customer is None and name == "view_customer":
        customer = row["entity_id"]
    latency = (text["action_type"], name, text["service_name"], text["result_status"])
    keys: dict[str, list[tuple[Any, ...]]] = {
        "activity_rollups": [(*latency[:3], text["entity_type"], text["page_route"], text["result_status"])],
        "latency_rollups": [latency],
        "latency_totals": [()],
        "user_rollups": [(row["user_email"], row["action_type"])] if row["user_email"] else [],
        "customer_rollups": [(str(customer), name)]
        if name in ("view_customer", "view_deal") and customer is not None
        else [],
        "email_rollups": (
            [(text["user_email"], name, data.get("method") or "", row["result_status"])]
            if name in ("generate_email", "send_email")
            else []
        ),
        "deal_value_rollups": [(row["result_status"],)] if name == "create_deal" else [],
    }
    return keys[table]


def _values(table: str, rows: list[Row]) -> tuple[Any, ...] | None:
    lengths = [row["duration_ms"] for row in rows if row["duration_ms"] is not None]
    statuses = tuple(
        sum(row["result_status"] == status for row in rows) for status in ("success", "error", "pending", "timeout")
    )
    if table == "activity_rollups":
        return len(rows), len(lengths), sum(lengths)
    if table.startswith("latency"):
        marks = sketch.sketch(lengths)
        return (sorted(marks), [marks[mark] for mark in sorted(marks)]) if marks else None
    if table == "user_rollups":
        times = [row["timestamp"] for row in rows if row["result_status"] != "pending"]
        return *statuses, min(times, default=None), max(times, default=None)
    if table == "customer_rollups":
        good = [row for row in rows if row["result_status"] == "success"]
        users = sorted({row["user_email"] for row in good if row["user_email"]})
        return *statuses, users, max((row["timestamp"] for row in good), default=None)
    if table == "email_rollups":
        return (len(rows),)
    values = [(row["action_data"] or {}).get("value_usd") for row in rows]
    numbers = [Decimal(str(value)) for value in values if isinstance(value, int | float)]
    return len(rows), len(numbers), sum(numbers, Decimal(0))


def _sessions(rows: list[Row], gap: timedelta) -> Table:
    found: Table = {}
    explicit: dict[tuple[str, str], list[Row]] = defaultdict(list)
    alone: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["user_email"] and row["session_id"]:
            explicit[row["user_email"], row["session_id"]].append(row)
        elif row["user_email"]:
            alone[row["user_email"]].append(row)
    for (user, session), members in explicit.items():
        found[user, session, False] = _summary(members)
    for user, members in alone.items():
        session_rows: list[Row] = []
        for row in members:
            if session_rows and row["timestamp"] - session_rows[-1]["timestamp"] >= gap:
                found[user, _derived_id(session_rows[0]), True] = _summary(session_rows)
                session_rows = []
            session_rows.append(row)
        found[user, _derived_id(session_rows[0]), True] = _summary(session_rows)
    return found


def _derived_id(first: Row) -> str:
    return f"{first['event_id']}@{(first['timestamp'] - EPOCH) // timedelta(microseconds=1)}"


def _summary(rows: list[Row]) -> tuple[Any, ...]:
    started, ended = rows[0]["timestamp"], rows[-1]["timestamp"]
    counted = [row["result_status"] for row in rows if not row["superseded"]]
    pages = [
        page
        for row in rows
        if (page := row["page_route"] if row["page_route"] is not None else row["page_url"]) is not None
    ]
    return (
        started, ended, (ended - started) // timedelta(milliseconds=1), len(counted),
        *(counted.count(status) for status in ("success", "error", "pending", "timeout")),
        pages[0] if pages else None, pages[-1] if pages else None,
    )  # fmt: skip
