"""The routes behind the dashboard's default views, each with the same question in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.answers_flows import COHORTS, FUNNEL, PATHS, SESSIONS, funnel

__all__ = ["DAYS", "PANELS", "Panel", "Stretch"]

DAYS: Final = (7, 30, 90)
_STATUSES: Final = ", ".join(
    f"count(*) FILTER (status = '{status}') AS {status}s" for status in ("success", "error", "pending", "timeout")
)
_P50_P95: Final = "quantile_disc(duration_ms, 0.5)::DOUBLE, quantile_disc(duration_ms, 0.95)::DOUBLE"
_QUANTILES: Final = f"count(duration_ms), {_P50_P95}, quantile_disc(duration_ms, 0.99)::DOUBLE"
_SENT: Final = "action_name = 'send_email' AND status = 'success'"


@dataclass(frozen=True)
class Stretch:
    """The range of a question, as the API cuts it from so many days, in UTC.

    Attributes:
        since: its begin.
        until: its end.
        before: begin and end of the period before.
    """

    since: str
    until: str
    before: tuple[str, str]

    @property
    def words(self) -> dict[str, str]:
        """What stands for what in a statement."""
        since, until, *before = (
            f"TIMESTAMP '{moment.removesuffix('Z')}'" for moment in (self.since, self.until, *self.before)
        )
        return {
            "{from}": since,
            "{to}": until,
            "{range}": f"moment >= {since} AND moment < {until}",
            "{before}": f"moment >= {before[0]} AND moment < {before[1]}",
            "{bucket}": "date_trunc('day', moment)",
        }


@dataclass(frozen=True)
class Panel:
    """A route, and the same question in SQL.

    Attributes:
        name: as the table shows it.
        path: below ``/api/analytics``.
        asked: statements with {from}, {to}, {range}, {before} and {bucket}.
        parameters: of the query beside the range.
        posted: the body of a POST; None for a GET.
    """

    name: str
    path: str
    asked: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    posted: Mapping[str, Any] | None = None

    def statements(self, stretch: Stretch) -> list[str]:
        """The question to DuckDB."""
        found = []
        for statement in self.asked:
            said = statement
            for name, value in stretch.words.items():
                said = said.replace(name, value)
            found.append(said)
        return found


PANELS: Final = (
    Panel(
        "activities",
        "/activities",
        (
            f"SELECT {_STATUSES} FROM log WHERE {{range}}",
            f"SELECT {_STATUSES} FROM log WHERE {{before}}",
            f"SELECT action_type, action_name, count(*), {_STATUSES}, {_P50_P95} FROM log WHERE {{range}} GROUP BY ALL ORDER BY 3 DESC",
            f"SELECT date_trunc('day', moment) AS day, {_STATUSES} FROM log WHERE {{range}} GROUP BY ALL ORDER BY 1",
        ),
    ),
    Panel("trends", "/trends", (f"SELECT {{bucket}}, {_STATUSES} FROM log WHERE {{range}} GROUP BY 1 ORDER BY 1",)),
    Panel(
        "heatmap",
        "/heatmap",
        ("SELECT isodow(moment), hour(moment), count(*) FROM log WHERE {range} GROUP BY ALL",),
    ),
    Panel(
        "latency",
        "/latency",
        (
            f"SELECT {{bucket}}, {_QUANTILES} FROM log WHERE {{range}} GROUP BY 1 HAVING count(duration_ms) > 0 ORDER BY 1",
            f"SELECT action_type, action_name, {_QUANTILES} FROM log WHERE {{range}} GROUP BY 1, 2 HAVING count(duration_ms) > 0",
        ),
    ),
    Panel(
        "errors",
        "/errors",
        (
            f"SELECT {{bucket}}, {_STATUSES} FROM log WHERE {{range}} GROUP BY 1 ORDER BY 1",
            f"SELECT action_type, action_name, {_STATUSES} FROM log WHERE {{range}} GROUP BY ALL HAVING errors + timeouts > 0",
            f"SELECT page_route, {_STATUSES} FROM log WHERE {{range}} GROUP BY ALL HAVING errors + timeouts > 0",
            (
                "WITH worst AS (SELECT action_type, action_name FROM log WHERE {range} AND status IN ('error', 'timeout')"
                " GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 10)"
                " SELECT action_type, action_name, arg_max(event_id, life) FROM log SEMI JOIN worst USING (action_type, action_name)"
                " WHERE {range} AND status IN ('error', 'timeout') GROUP BY ALL"
            ),
        ),
    ),
    Panel(
        "pages",
        "/pages",
        (
            (
                f"SELECT page_route, count(*) AS n, {_STATUSES} FROM log WHERE {{range}} AND page_route IS NOT NULL"
                " GROUP BY 1 ORDER BY n DESC, 1 LIMIT 100"
            ),
        ),
    ),
    Panel(
        "users",
        "/users",
        (
            (
                f"SELECT user_email, count(*), {_STATUSES}, min(moment), max(moment) FROM log WHERE {{range}} AND user_email IS NOT NULL"
                " GROUP BY 1 ORDER BY count(*) FILTER (status = 'success') DESC, 1 LIMIT 100"
            ),
        ),
    ),
    Panel(
        "customers",
        "/customers",
        (
            (
                f"SELECT customer_id, count(*), {_STATUSES}, count(DISTINCT user_email) FILTER (status = 'success'), max(moment) FILTER (status = 'success') FROM log"
                " WHERE {range} AND action_name IN ('view_customer', 'view_deal') AND customer_id IS NOT NULL"
                " GROUP BY 1 ORDER BY count(*) FILTER (status = 'success') DESC, 1 LIMIT 100"
            ),
        ),
    ),
    Panel(
        "emails",
        "/emails",
        (
            (
                "SELECT user_email, count(*) FILTER (action_name = 'generate_email' AND status = 'success'),"
                f" count(*) FILTER ({_SENT}) AS sent, count(*) FILTER ({_SENT} AND method = 'gmail_api_v2'),"
                f" count(*) FILTER ({_SENT} AND method = 'outlook_api_v2'), count(*) FILTER ({_SENT} AND method = 'smtp')"
                " FROM log WHERE {range} AND action_name IN ('generate_email', 'send_email') AND user_email IS NOT NULL"
                " GROUP BY 1 ORDER BY sent DESC, 1 LIMIT 100"
            ),
        ),
    ),
    Panel(
        "deals",
        "/deals",
        (
            (
                "SELECT {bucket}, count(*) FILTER (action_name = 'create_deal'), count(*) FILTER (action_name = 'update_deal'),"
                " count(*) FILTER (action_name = 'delete_deal'), coalesce(sum(value_usd) FILTER (action_name = 'create_deal' AND status = 'success'), 0)"
                " FROM log WHERE {range} AND action_name IN ('create_deal', 'update_deal', 'delete_deal') GROUP BY 1 ORDER BY 1"
            ),
        ),
    ),
    Panel("sessions", "/sessions", (SESSIONS,)),
    Panel(
        "recent-activities",
        "/recent-activities",
        ("SELECT event_id, moment, * EXCLUDE (event_id, moment) FROM log WHERE {range} ORDER BY life DESC LIMIT 100",),
    ),
    Panel(
        "funnel, 4 steps", "/funnel", (funnel(),), posted={"steps": [{"actions": [f"crm.{name}"]} for name in FUNNEL]}
    ),
    Panel("cohorts", "/cohorts", (COHORTS,)),
    Panel("paths", "/paths", PATHS),
)
