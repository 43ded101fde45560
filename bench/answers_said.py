"""What the API's answers say, in the rows and columns of DuckDB's statements."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

__all__ = ["differences"]

Rows = list[tuple[Any, ...]]
STATUSES: Final = ("success", "error", "pending", "timeout")
_TOLERANCE: Final = 0.0101
"""Of percentiles, which the API reads from sketches; all else is equal or wrong."""


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=None)


def _statuses(counts: dict[str, Any]) -> tuple[int, ...]:
    return tuple(counts[status] for status in STATUSES)


def _action(one: dict[str, Any]) -> tuple[str, str]:
    return one["action_type"], one["action_name"]


def _over_time(rows: list[dict[str, Any]]) -> Rows:
    return [(_moment(one["start"]), *_statuses(one)) for one in rows if one["count"]]


def _quantiles(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["p50"], one["p95"], one["p99"]


def _activities(answer: Any) -> list[Rows]:
    actions = [(*_action(one), one["count"], *_statuses(one), one["p50"], one["p95"]) for one in answer["by_action"]]
    totals, before = answer["totals"], answer["before"]["totals"]
    return [[_statuses(totals)], [_statuses(before)], actions, _over_time(answer["by_day"])]


def _trends(answer: Any) -> list[Rows]:
    series = {one["key"]: one["counts"] for one in answer["series"]}
    nothing = [0] * len(answer["starts"])
    columns = zip(answer["starts"], *(series.get(status, nothing) for status in STATUSES), strict=True)
    return [[(_moment(start), *counts) for start, *counts in columns if any(counts)]]


def _heatmap(answer: Any) -> list[Rows]:
    return [[(one["weekday"], one["hour"], one["count"]) for one in answer["cells"] if one["count"]]]


def _latency(answer: Any) -> list[Rows]:
    over_time = [
        (_moment(one["start"]), one["measured"], *_quantiles(one)) for one in answer["over_time"] if one["measured"]
    ]
    actions = [(*_action(one), one["measured"], *_quantiles(one)) for one in answer["by_action"] if one["measured"]]
    return [over_time, actions]


def _errors(answer: Any) -> list[Rows]:
    actions = [(*_action(one), *_statuses(one)) for one in answer["by_action"]]
    pages = [(one["page_route"], *_statuses(one)) for one in answer["by_page"]]
    examples = [(*_action(one), one["examples"][0]["event_id"]) for one in answer["by_action"] if one["examples"]]
    return [_over_time(answer["over_time"]), actions, pages, examples]


def _pages(answer: Any) -> list[Rows]:
    return [[(one["page_route"], one["count"], *_statuses(one)) for one in answer["items"]]]


def _users(answer: Any) -> list[Rows]:
    items = answer["items"]
    return [
        [
            (
                one["user_email"],
                one["count"],
                *_statuses(one),
                _moment(one["first_active"]),
                _moment(one["last_active"]),
            )
            for one in items
        ]
    ]


def _customers(answer: Any) -> list[Rows]:
    return [
        [
            (one["customer_id"], one["count"], *_statuses(one), one["user_count"], _moment(one["last_viewed"]))
            for one in answer["items"]
        ]
    ]


def _emails(answer: Any) -> list[Rows]:
    methods = ("gmail_api_v2", "outlook_api_v2", "smtp")
    return [
        [
            (one["user_email"], one["generated"], one["sent"], *(one["by_method"][method] for method in methods))
            for one in answer["items"]
        ]
    ]


def _deals(answer: Any) -> list[Rows]:
    return [
        [
            (
                _moment(one["start"]),
                *(one[what]["count"] for what in ("created", "updated", "deleted")),
                float(one["total_value_created"] or 0),
            )
            for one in answer["over_time"]
            if any(one[what]["count"] for what in ("created", "updated", "deleted"))
        ]
    ]


def _sessions(answer: Any) -> list[Rows]:
    counted = ("activity_count", "success_count", "error_count", "pending_count", "timeout_count")
    return [
        [
            (
                one["user_email"],
                _moment(one["started_at"]),
                _moment(one["ended_at"]),
                *(one[name] for name in counted),
                one["first_page"],
                one["last_page"],
            )
            for one in answer["items"]
        ]
    ]


def _recent(answer: Any) -> list[Rows]:
    return [[(one["event_id"], _moment(one["timestamp"])) for one in answer["items"]]]


def _funnel(answer: Any) -> list[Rows]:
    row: list[Any] = []
    for step in answer["steps"]:
        row += [step["users"], step["median_seconds"]]
    return [[tuple(row)]]


def _cohorts(answer: Any) -> list[Rows]:
    rows: Rows = []
    for cohort in answer["cohorts"]:
        period = date.fromisoformat(cohort["period"])
        rows += [
            (period, period + timedelta(weeks=number), users)
            for number, users in enumerate(cohort["returned"])
            if users
        ]
    return [rows]


def _paths(answer: Any) -> list[Rows]:
    nodes = [
        (place, one["action"], one["count"], one["ended"]) for place, step in enumerate(answer["steps"]) for one in step
    ]
    links = [
        (place, one["source"], one["target"], one["count"])
        for place, step in enumerate(answer["links"])
        for one in step
    ]
    return [nodes, links]


_SAID: Final = {
    "activities": _activities,
    "trends": _trends,
    "heatmap": _heatmap,
    "latency": _latency,
    "errors": _errors,
    "pages": _pages,
    "users": _users,
    "customers": _customers,
    "emails": _emails,
    "deals": _deals,
    "sessions": _sessions,
    "recent-activities": _recent,
    "funnel, 4 steps": _funnel,
    "cohorts": _cohorts,
    "paths": _paths,
}


def _key(row: tuple[Any, ...]) -> list[str]:
    return [f"{value}" for value in row[:3]]


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) or isinstance(theirs, float):
        if ours is None or theirs is None:
            return ours is theirs
        return bool(abs(ours - theirs) <= _TOLERANCE * max(abs(ours), abs(theirs)))
    return str(ours) == str(theirs)


def differences(panel: str, answer: Any, found: list[Rows]) -> list[str]:
    """Where the two differ, statement by statement; nothing where they agree.

    Args:
        panel: its name.
        answer: the API's body.
        found: DuckDB's rows.
    """
    told = []
    for number, (mine, rows) in enumerate(zip(_SAID[panel](answer), found, strict=True), 1):
        ours, theirs = sorted(mine, key=_key), sorted(rows, key=_key)
        if len(ours) != len(theirs):
            told.append(f"statement {number}: {len(ours)} rows here, {len(theirs)} in DuckDB")
        for one, other in zip(ours, theirs, strict=False):
            # Rows of the log have more columns there.
            if not all(_equal(a, b) for a, b in zip(one, other, strict=False)):
                told.append(f"statement {number}: {one} here, {other} in DuckDB")
                break
    return told
