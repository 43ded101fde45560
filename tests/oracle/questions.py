"""What the answers must say: found by looking at every row, in plain Python, slowly and obviously."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
STATUSES = ("success", "error", "pending", "timeout")
METHODS = ("gmail_api_v2", "outlook_api_v2", "smtp")
QUARTER = timedelta(minutes=15)


def counting_rows(
    rows: Iterable[Row], filters: dict[str, str], since: datetime, until: datetime, cut: datetime
) -> list[Row]:
    """The rows that count, with the `status` as which each reads, newest first."""
    found = []
    for row in rows:
        late = row["result_status"] == "pending" and row["timestamp"] < cut
        known = {**row, "status": "timeout" if late else row["result_status"]}
        if since <= row["timestamp"] < until and not row["superseded"] and fits(known, filters):
            found.append(known)
    return sorted(found, key=lambda row: (row["timestamp"], row["event_id"]), reverse=True)


def fits(row: Row, filters: dict[str, str]) -> bool:
    """Whether a row has all that is asked."""
    for name, value in filters.items():
        if name == "result_status":
            if row["status"] != value:
                return False
        elif name == "tag":
            if value not in (row["tags"] or []):
                return False
        elif name == "q":
            texts = [row["user_email"], row["action_name"], row["entity_id"], row["page_url"]]
            texts += [text for text in (row["action_data"] or {}).values() if isinstance(text, str)]
            if not any(value.lower() in (text or "").lower() for text in texts):
                return False
        elif row[name] != value:
            return False
    return True


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """How many, and with which status."""
    found = list(rows)
    return {"count": len(found)} | {status: sum(row["status"] == status for row in found) for status in STATUSES}


def grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by what `key` says of each; in no group where it says None."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if key(row) is not None:
            groups[key(row)].append(row)
    return dict(groups)


def step_starts(since: datetime, until: datetime, step: str, tz: ZoneInfo) -> list[datetime]:
    """Where the calendar turns a page: every quarter is asked what the clocks and calendars show then."""
    starts, before, moment = [], None, since
    while moment < until:
        local = moment.astimezone(tz)
        shown: Any = {
            "15min": moment,
            "hour": (local.date(), local.hour, local.utcoffset()),
            "day": local.date(),
            "week": local.isocalendar()[:2],
            "month": (local.year, local.month),
        }[step]
        if shown != before:
            starts.append(moment)
        before, moment = shown, moment + QUARTER
    return starts


def by_step(rows: list[Row], starts: list[datetime], until: datetime) -> list[list[Row]]:
    """The rows of each step."""
    ends = [*starts[1:], until]
    return [[row for row in rows if start <= row["timestamp"] < end] for start, end in zip(starts, ends, strict=True)]


def percentile(rows: Iterable[Row], percent: int) -> int | None:
    """The nearest rank."""
    lengths = sorted(row["duration_ms"] for row in rows if row["duration_ms"] is not None)
    return lengths[math.ceil(len(lengths) * percent / 100) - 1] if lengths else None


def measured(rows: Iterable[Row]) -> int:
    """How many have a known length."""
    return sum(row["duration_ms"] is not None for row in rows)


def mean(rows: Iterable[Row]) -> float | None:
    """Of the known lengths."""
    lengths = [row["duration_ms"] for row in rows if row["duration_ms"] is not None]
    return round(sum(lengths) / len(lengths), 3) if lengths else None


def failed(rows: Iterable[Row]) -> list[Row]:
    """Errors and timeouts."""
    return [row for row in rows if row["status"] in {"error", "timeout"}]


def change(now: int, before: int) -> float | None:
    """As a share of what was before."""
    return round(now / before - 1, 4) if before else None


def customer(row: Row) -> str | None:
    """Whose customer was viewed (Query 4, ruling 2)."""
    if row["action_name"] not in {"view_customer", "view_deal"}:
        return None
    found = (row["action_data"] or {}).get("customer_id")
    if found is None and row["action_name"] == "view_customer":
        found = row["entity_id"]
    return str(found) if found not in {None, ""} else None


def ranked(groups: dict[str, list[Row]], score: Callable[[list[Row]], int]) -> list[tuple[str, list[Row]]]:
    """The highest score first; of equals the first by code points."""
    return sorted(groups.items(), key=lambda one: (-score(one[1]), one[0]))


def successes(rows: list[Row]) -> int:
    """How many went well."""
    return sum(row["status"] == "success" for row in rows)


def emails(rows: list[Row]) -> dict[str, Any]:
    """One person's (Query 5)."""
    done = [row for row in rows if row["status"] == "success"]
    sent = [row for row in done if row["action_name"] == "send_email"]
    methods = [(row["action_data"] or {}).get("method") for row in sent]
    by_method = {method: methods.count(method) for method in METHODS}
    return {
        "generated": len(done) - len(sent),
        "sent": len(sent),
        "by_method": by_method | {"other": len(sent) - sum(by_method.values())},
    }


def deals(rows: list[Row]) -> dict[str, Any]:
    """What was done to deals (Query 6)."""
    by_name = {
        name: [row for row in rows if row["action_name"] == action]
        for name, action in {"created": "create_deal", "updated": "update_deal", "deleted": "delete_deal"}.items()
    }
    values = [
        row["action_data"]["value_usd"]
        for row in by_name["created"]
        if row["status"] == "success" and isinstance((row["action_data"] or {}).get("value_usd"), int | float)
    ]
    return {name: counts(found) for name, found in by_name.items()} | {
        "valued": len(values),
        "total_value_created": sum((Decimal(str(value)) for value in values), Decimal()),
    }
