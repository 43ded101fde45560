"""What follows what, in DuckDB's SQL: sessions, funnels, cohorts and paths by the definitions of docs/what-follows-what.md."""

from __future__ import annotations

from typing import Final

__all__ = ["COHORTS", "FUNNEL", "PATHS", "SESSIONS", "funnel"]

FUNNEL: Final = ("search_customers", "view_customer", "create_deal", "send_email")
_GAP: Final = "INTERVAL 30 MINUTE"
_WINDOW: Final = "INTERVAL 14 DAY"
_DEPTH: Final = 3
_TOP: Final = 8

_OF_A_SESSION: Final = (
    "min(moment) AS began, max(moment) AS ended, count(*) AS activities,"
    + ",".join(
        f" count(*) FILTER (result_status = '{status}') AS {status}s"
        for status in ("success", "error", "pending", "timeout")
    )
    + ", arg_min(coalesce(page_route, page_url), life) AS first_page, arg_max(coalesce(page_route, page_url), life) AS last_page"
)

SESSIONS: Final = f"""
WITH unnamed AS (
    SELECT *, sum(begins) OVER (PARTITION BY user_email ORDER BY life) AS part FROM (
        SELECT *, CASE WHEN moment - lag(moment) OVER (PARTITION BY user_email ORDER BY life) <= {_GAP} THEN 0 ELSE 1 END AS begins
        FROM log WHERE session_id IS NULL AND user_email IS NOT NULL
    )
), every AS (
    SELECT user_email, session_id, {_OF_A_SESSION} FROM log
    WHERE session_id IS NOT NULL AND user_email IS NOT NULL GROUP BY user_email, session_id
    UNION ALL
    SELECT user_email, NULL, {_OF_A_SESSION} FROM unnamed GROUP BY user_email, part
)
SELECT user_email, began, ended, activities, successs, errors, pendings, timeouts, first_page, last_page FROM every
WHERE began >= {{from}} AND began < {{to}} ORDER BY began DESC, user_email DESC LIMIT 100
"""


def funnel() -> str:
    """People by the steps of their best attempt, and the median seconds from step to step.

    Each row that is the first step begins an attempt, which goes on with the next row that is the next step, while the window lasts. The best
    attempt of a person has the most steps; of equal ones the first counts.
    """
    parts = [
        (
            f"rows AS (SELECT user_email, life, moment, action_name FROM log WHERE {{range}} AND user_email IS NOT NULL"
            f" AND action_type = 'crm' AND action_name IN ({', '.join(repr(name) for name in FUNNEL)}))"
        ),
        f"t0 AS (SELECT user_email, life AS first, moment AS m0, life AS at0 FROM rows WHERE action_name = '{FUNNEL[0]}')",
    ]
    for number, name in enumerate(FUNNEL[1:], 1):
        before = number - 1
        moments = "".join(f"t.m{place}, " for place in range(number))
        fits = f"t.at{before} IS NOT NULL AND next.moment - t.m0 <= {_WINDOW}"
        parts.append(
            f"t{number} AS (SELECT t.user_email, t.first, {moments}CASE WHEN {fits} THEN next.moment END AS m{number},"
            f" CASE WHEN {fits} THEN next.life END AS at{number} FROM t{before} AS t ASOF LEFT JOIN"
            f" (SELECT user_email, life, moment FROM rows WHERE action_name = '{name}') AS next"
            f" ON t.user_email = next.user_email AND t.at{before} < next.life)"
        )
    last = len(FUNNEL) - 1
    moments = ", ".join(f"m{place}" for place in range(last + 1))
    reached = " + ".join(f"(m{place} IS NOT NULL)::INTEGER" for place in range(last + 1))
    parts.append(
        f"best AS (SELECT user_email, {moments} FROM t{last} QUALIFY row_number() OVER (PARTITION BY user_email ORDER BY {reached} DESC, first) = 1)"
    )
    counts = ["count(m0)", "NULL"]
    for place in range(1, last + 1):
        counts += [f"count(m{place})", f"median(epoch_us(m{place}) - epoch_us(m{place - 1})) / 1e6"]
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)} FROM best"


COHORTS: Final = """
WITH firsts AS (
    SELECT user_email, min(moment) AS first FROM log WHERE moment < {to} AND user_email IS NOT NULL GROUP BY 1 HAVING min(moment) >= {from}
), seen AS (
    SELECT DISTINCT user_email, date_trunc('week', moment) AS period FROM log WHERE {range} AND user_email IS NOT NULL
)
SELECT date_trunc('week', first)::DATE, period::DATE, count(*) FROM firsts JOIN seen USING (user_email) GROUP BY ALL ORDER BY 1, 2
"""

_PLACED: Final = f"""
WITH cut AS (
    SELECT user_email, life, action_type || '.' || action_name AS name, row_number() OVER person AS number,
        coalesce(moment - lag(moment) OVER person > {_GAP}, true) AS begins
    FROM log WHERE {{range}} AND user_email IS NOT NULL WINDOW person AS (PARTITION BY user_email ORDER BY life)
), placed AS (
    SELECT name, number - max(CASE WHEN begins THEN number END) OVER person AS place,
        CASE WHEN NOT lead(begins) OVER person THEN lead(name) OVER person END AS following
    FROM cut WINDOW person AS (PARTITION BY user_email ORDER BY number)
), went AS (
    SELECT place, name, following, count(*) AS visits FROM placed WHERE place <= {_DEPTH} GROUP BY ALL
), ranked AS (
    SELECT place, name, CASE WHEN row_number() OVER (PARTITION BY place ORDER BY sum(visits) DESC, name) <= {_TOP} THEN name END AS shown
    FROM went GROUP BY place, name
)
"""
PATHS: Final = (
    _PLACED + "SELECT place, shown, sum(visits)::BIGINT, coalesce(sum(visits) FILTER (following IS NULL), 0)::BIGINT"
    " FROM went JOIN ranked USING (place, name) GROUP BY ALL",
    _PLACED
    + "SELECT went.place, source.shown, target.shown, sum(visits)::BIGINT FROM went JOIN ranked AS source ON source.place = went.place"
    " AND source.name = went.name JOIN ranked AS target ON target.place = went.place + 1 AND target.name = went.following GROUP BY ALL",
)
