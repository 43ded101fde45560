"""The routes behind the dashboard's default views, each with the same question in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DAYS", "FUNNEL", "PANELS", "Panel"]

DAYS: Final = (7, 30, 90)
FUNNEL: Final = ("search_customers", "view_customer", "create_deal", "send_email")
_STATUSES: Final = ", ".join(
    f"count(*) FILTER (status = '{status}') AS {status}s" for status in ("success", "error", "pending", "timeout")
)
_QUANTILES: Final = "quantile_cont(duration_ms, [0.5, 0.95, 0.99])"
_SINCE: Final = "moment >= (now() AT TIME ZONE 'UTC') - INTERVAL '{days} days'"
_STEP: Final = "date_trunc('{step}', moment)"


@dataclass(frozen=True)
class Panel:
    """A route, and the same question in SQL.

    Attributes:
        name: as the table shows it.
        path: below ``/api/analytics``.
        asked: statements with {days} and {step}, and {since} for the range.
        parameters: of the query beside the range.
        posted: the body of a POST; None for a GET.
    """

    name: str
    path: str
    asked: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    posted: Mapping[str, Any] | None = None

    def statements(self, days: int) -> list[str]:
        """The question to DuckDB."""
        words = {"days": str(days), "twice": str(2 * days), "step": "hour" if days <= 7 else "day"}
        since = _SINCE.replace("{days}", words["days"])
        found = []
        for statement in self.asked:
            said = statement.replace("{since}", since).replace("{bucket}", _STEP)
            for name, value in words.items():
                said = said.replace(f"{{{name}}}", value)
            found.append(said)
        return found


def _funnel() -> str:
    """Who did the steps in order, each after the one before: the earliest time of each step."""
    common = [
        f"t0 AS (SELECT user_email, min(moment) AS t FROM log WHERE {{since}} AND action_name = '{FUNNEL[0]}' AND status = 'success' GROUP BY 1)"
    ]
    common += [
        f"t{number} AS (SELECT log.user_email, min(moment) AS t FROM log JOIN t{number - 1} AS before ON log.user_email = before.user_email"
        f" AND log.moment > before.t WHERE {{since}} AND action_name = '{name}' AND status = 'success' GROUP BY 1)"
        for number, name in enumerate(FUNNEL[1:], 1)
    ]
    counts = ", ".join(f"(SELECT count(*) FROM t{number})" for number in range(len(FUNNEL)))
    return f"WITH {', '.join(common)} SELECT {counts}"


PANELS: Final = (
    Panel(
        "activities",
        "/activities",
        (
            f"SELECT {_STATUSES} FROM log WHERE {{since}}",
            f"SELECT {_STATUSES} FROM log WHERE moment >= (now() AT TIME ZONE 'UTC') - INTERVAL '{{twice}} days' AND NOT ({{since}})",
            f"SELECT action_type, action_name, count(*), {_STATUSES}, {_QUANTILES} FROM log WHERE {{since}} GROUP BY ALL ORDER BY 3 DESC",
            f"SELECT date_trunc('day', moment) AS day, {_STATUSES} FROM log WHERE {{since}} GROUP BY ALL ORDER BY 1",
        ),
    ),
    Panel("trends", "/trends", (f"SELECT {{bucket}}, {_STATUSES} FROM log WHERE {{since}} GROUP BY 1 ORDER BY 1",)),
    Panel(
        "heatmap", "/heatmap", ("SELECT dayofweek(moment), hour(moment), count(*) FROM log WHERE {since} GROUP BY ALL",)
    ),
    Panel(
        "latency",
        "/latency",
        (
            f"SELECT {{bucket}}, {_QUANTILES} FROM log WHERE {{since}} GROUP BY 1 ORDER BY 1",
            f"SELECT action_type, action_name, count(*), {_QUANTILES} FROM log WHERE {{since}} GROUP BY ALL",
        ),
    ),
    Panel(
        "errors",
        "/errors",
        (
            f"SELECT {{bucket}}, {_STATUSES} FROM log WHERE {{since}} GROUP BY 1 ORDER BY 1",
            f"SELECT action_type, action_name, count(*), {_STATUSES} FROM log WHERE {{since}} GROUP BY ALL",
            f"SELECT page_route, count(*), {_STATUSES} FROM log WHERE {{since}} GROUP BY ALL",
        ),
    ),
    Panel(
        "pages",
        "/pages",
        (f"SELECT page_route, count(*), {_STATUSES} FROM log WHERE {{since}} GROUP BY 1 ORDER BY 2 DESC LIMIT 50",),
    ),
    Panel(
        "users",
        "/users",
        (
            f"SELECT user_email, count(*), {_STATUSES}, max(moment) FROM log WHERE {{since}} GROUP BY 1 ORDER BY 3 DESC LIMIT 50",
        ),
    ),
    Panel(
        "customers",
        "/customers",
        (
            (
                f"SELECT customer_id, count(*), {_STATUSES}, list(DISTINCT user_email) FROM log"
                " WHERE {since} AND action_name IN ('view_customer', 'view_deal') GROUP BY 1 ORDER BY 3 DESC LIMIT 50"
            ),
        ),
    ),
    Panel(
        "emails",
        "/emails",
        (
            (
                "SELECT user_email, count(*) FILTER (action_name = 'generate_email'), count(*) FILTER (action_name = 'send_email'),"
                " count(*) FILTER (method = 'gmail_api_v2'), count(*) FILTER (method = 'outlook_api_v2'), count(*) FILTER (method = 'smtp')"
                " FROM log WHERE {since} AND action_name IN ('generate_email', 'send_email') GROUP BY 1 ORDER BY 3 DESC LIMIT 50"
            ),
        ),
    ),
    Panel(
        "deals",
        "/deals",
        (
            (
                "SELECT {bucket}, count(*) FILTER (action_name = 'create_deal'), count(*) FILTER (action_name = 'update_deal'),"
                " count(*) FILTER (action_name = 'delete_deal'), sum(value_usd) FILTER (action_name = 'create_deal' AND status = 'success')"
                " FROM log WHERE {since} AND action_name IN ('create_deal', 'update_deal', 'delete_deal') GROUP BY 1 ORDER BY 1"
            ),
        ),
    ),
    Panel(
        "sessions",
        "/sessions",
        (
            (
                "SELECT user_email, session_id, min(moment) AS began, max(moment), count(*), count(*) FILTER (status = 'error') FROM log"
                " WHERE {since} AND session_id IS NOT NULL GROUP BY ALL ORDER BY began DESC LIMIT 50"
            ),
        ),
    ),
    Panel(
        "recent-activities", "/recent-activities", ("SELECT * FROM log WHERE {since} ORDER BY moment DESC LIMIT 50",)
    ),
    Panel(
        "funnel, 4 steps", "/funnel", (_funnel(),), posted={"steps": [{"actions": [f"crm.{name}"]} for name in FUNNEL]}
    ),
    Panel(
        "cohorts",
        "/cohorts",
        (
            (
                "WITH born AS (SELECT user_email, date_trunc('week', min(moment)) AS week FROM log WHERE user_email IS NOT NULL GROUP BY 1),"
                " seen AS (SELECT DISTINCT user_email, date_trunc('week', moment) AS week FROM log WHERE {since} AND user_email IS NOT NULL)"
                " SELECT born.week, seen.week, count(*) FROM born JOIN seen USING (user_email) GROUP BY ALL ORDER BY 1, 2"
            ),
        ),
    ),
    Panel(
        "paths",
        "/paths",
        (
            (
                "SELECT name, following, count(*) FROM (SELECT action_name AS name, lead(action_name) OVER"
                " (PARTITION BY user_email, session_id ORDER BY moment) AS following FROM log WHERE {since} AND user_email IS NOT NULL)"
                " GROUP BY ALL ORDER BY 3 DESC LIMIT 50"
            ),
        ),
    ),
)
