"""What must remain under policies and holds: decided row by row in plain Python, slowly and obviously."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

CLASSES = {
    "person": ("user_email", "session_id"),
    "device": ("user_agent", "ip_address"),
    "content": ("page_url", "entity_id", "action_data", "result_data", "tags"),
}


@dataclass(frozen=True)
class Rule:
    """A policy: `days` None is for ever."""

    action_type: str | None
    action_name: str | None
    what: str
    days: int | None
    by_week: bool = False


@dataclass(frozen=True)
class Keep:
    """A hold, with the address as it is."""

    user: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def remaining(rows: list[Row], rules: list[Rule], holds: list[Keep], now: datetime) -> list[Row]:
    """The rows that stay, as they stay. A row may say ``uncounted``: it stays as it is."""
    left = []
    for row in rows:
        if row.get("uncounted") or any(_held(row, hold) for hold in holds):
            left.append(row)
        elif not _due(row, _deciding(row, rules, "rows"), now):
            stays = dict(row)
            for cls, columns in CLASSES.items():
                if _due(row, _deciding(row, rules, cls), now):
                    stays |= dict.fromkeys(columns)
            left.append(stays)
    return left


def _deciding(row: Row, rules: list[Rule], what: str) -> Rule | None:
    about = {(rule.action_type, rule.action_name): rule for rule in rules if rule.what == what}
    for scope in ((row["action_type"], row["action_name"]), (row["action_type"], None), (None, None)):
        if scope in about:
            return about[scope]
    return None


def _due(row: Row, rule: Rule | None, now: datetime) -> bool:
    if rule is None or rule.days is None:
        return False
    at = row["timestamp"].astimezone(UTC)
    day = datetime(at.year, at.month, at.day, tzinfo=UTC)
    over = day - timedelta(days=day.weekday()) + timedelta(days=7) if rule.by_week else day + timedelta(days=1)
    return bool(over <= now - timedelta(days=rule.days))


def _held(row: Row, hold: Keep) -> bool:
    if hold.since is not None and row["timestamp"] < hold.since:
        return False
    if hold.until is not None and row["timestamp"] >= hold.until:
        return False
    if hold.entity_type is not None and row["entity_type"] != hold.entity_type:
        return False
    if hold.entity_id is not None and row["entity_id"] != hold.entity_id:
        return False
    return hold.user is None or hold.user.lower() in _addresses(row)


def _addresses(row: Row) -> set[str]:
    said = " ".join(
        [json.dumps(row["action_data"]), json.dumps(row["result_data"]), str(row["entity_id"]), str(row["page_url"])]
    )
    return {found.lower() for found in re.findall(r"[\w.]+@[\w.]+\w", said)} | {row["user_email"]}
