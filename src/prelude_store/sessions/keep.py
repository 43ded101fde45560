"""Session summaries, kept from the lines of ``prelude_arrived`` alone: old rows are never read again.

A session is the rows of a user with one session id. A user's rows without one make derived sessions: rows less than the gap apart are of
one. A summary is an interval; so lines that came late join what they touch, in whatever order and portions they come. A pending row that
was ended bounds its session, and names its first or last page, but is not among its counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

    from prelude_store.connection import Connection

__all__ = ["add"]

_PLACE: Final = '"at", lane, lane_seq, event_id'
_COUNTS: Final = ("activity_count", "success_count", "error_count", "pending_count", "timeout_count")
_COUNTED: Final = """
sum(sign) AS activity_count,
coalesce(sum(sign) FILTER (WHERE result_status = 'success'), 0) AS success_count,
coalesce(sum(sign) FILTER (WHERE result_status = 'error'), 0) AS error_count,
coalesce(sum(sign) FILTER (WHERE result_status = 'pending'), 0) AS pending_count,
coalesce(sum(sign) FILTER (WHERE result_status = 'timeout'), 0) AS timeout_count,
array_agg(ROW("at", lane, lane_seq, page)::public.prelude_page ORDER BY "at", lane, lane_seq) FILTER (WHERE page IS NOT NULL) AS pages
"""
_PAGE: Final = ("page_at", "page_lane", "page_seq", "page")
_FIRST: Final = tuple(f"first_{column}" for column in _PAGE)
_LAST: Final = tuple(f"last_{column}" for column in _PAGE)
_COLUMNS: Final = ", ".join(
    ("user_email", "session_id", "derived", "started_at", "started_lane", "started_seq", "ended_at", "duration_ms",
     *_COUNTS, *_FIRST, *_LAST)
)  # fmt: skip
_DURATION: Final = "floor(extract(epoch FROM {ended} - {started}) * 1000)::bigint"


def _fields(of: str) -> str:
    return ", ".join(f"({of}).{field}" for field in ('"at"', "lane", "lane_seq", "page"))


def _chosen(page: tuple[str, ...], better: str) -> str:
    """Of two pages the one whose place is `better`; one that is there, rather than none."""
    known, excluded = (", ".join(f"{of}.{column}" for column in page[:-1]) for of in ("known", "excluded"))
    newer = f"known.{page[0]} IS NULL OR ({excluded}) {better} ({known})"
    return f"ROW({', '.join(f'CASE WHEN {newer} THEN excluded.{column} ELSE known.{column} END' for column in page)})"


_EXPLICIT: Final = f"""
INSERT INTO {{to}}.user_session_summaries AS known ({_COLUMNS})
SELECT user_email, session_id, false, started_at, 0, 0, ended_at, {
    _DURATION.format(ended="ended_at", started="started_at")
},
    {", ".join(_COUNTS)}, {_fields("pages[1]")}, {_fields("pages[cardinality(pages)]")}
FROM (
    SELECT user_email, session_id, min("at") AS started_at, max("at") AS ended_at, {_COUNTED}
    FROM pg_temp.prelude_arrived WHERE in_session AND user_email <> '' AND session_id <> '' GROUP BY user_email, session_id
) AS arrived
ON CONFLICT (user_email, session_id, derived) DO UPDATE SET
    started_at = least(known.started_at, excluded.started_at), ended_at = greatest(known.ended_at, excluded.ended_at),
    duration_ms = {
    _DURATION.format(
        ended="greatest(known.ended_at, excluded.ended_at)", started="least(known.started_at, excluded.started_at)"
    )
},
    {", ".join(f"{count} = known.{count} + excluded.{count}" for count in _COUNTS)},
    ({", ".join(_FIRST)}) = {_chosen(_FIRST, "<")},
    ({", ".join(_LAST)}) = {_chosen(_LAST, ">")},
    updated_at = now()
"""  # noqa: S608 (constants)

# Islands of the new lines; the summaries that they touch (those that begin within the island, or the last before it); islands of both.
_DERIVED: Final = f"""
WITH begun AS (
    SELECT *, CASE WHEN "at" - lag("at") OVER (PARTITION BY user_email ORDER BY {_PLACE}) < %(gap)s THEN 0 ELSE 1 END AS begins
    FROM pg_temp.prelude_arrived WHERE in_session AND user_email <> '' AND session_id = ''
), numbered AS (
    SELECT *, sum(begins) OVER (PARTITION BY user_email ORDER BY {_PLACE} ROWS UNBOUNDED PRECEDING) AS island FROM begun
), islands AS (
    SELECT user_email, min("at") AS started_at, max("at") AS ended_at, {_COUNTED},
        (array_agg(ROW("at", lane, lane_seq, event_id::text)::public.prelude_page ORDER BY {_PLACE}))[1] AS first_row
    FROM numbered GROUP BY user_email, island
), touched AS (
    SELECT DISTINCT found.session_id, islands.user_email FROM islands CROSS JOIN LATERAL (
        (SELECT session_id, ended_at FROM {{to}}.user_session_summaries AS known WHERE known.derived
            AND known.user_email = islands.user_email
            AND known.started_at >= islands.started_at AND known.started_at < islands.ended_at + %(gap)s)
        UNION ALL
        (SELECT session_id, ended_at FROM {{to}}.user_session_summaries AS known WHERE known.derived
            AND known.user_email = islands.user_email AND known.started_at < islands.started_at
            ORDER BY known.started_at DESC LIMIT 1)
    ) AS found WHERE found.ended_at > islands.started_at - %(gap)s
), parts AS (
    SELECT user_email, started_at, (first_row).lane AS started_lane, (first_row).lane_seq AS started_seq,
        (first_row).page || '@' || (extract(epoch FROM started_at) * 1000000)::bigint AS session_id, ended_at,
        {", ".join(_COUNTS)}, pages[1] AS first_page, pages[cardinality(pages)] AS last_page
    FROM islands
    UNION ALL
    SELECT user_email, started_at, started_lane, started_seq, session_id, ended_at, {", ".join(_COUNTS)},
        CASE WHEN first_page_at IS NOT NULL THEN ROW({", ".join(_FIRST)})::public.prelude_page END,
        CASE WHEN last_page_at IS NOT NULL THEN ROW({", ".join(_LAST)})::public.prelude_page END
    FROM {{to}}.user_session_summaries JOIN touched USING (user_email, session_id) WHERE derived
), parted AS (
    SELECT *, CASE WHEN started_at - max(ended_at) OVER (
        PARTITION BY user_email ORDER BY started_at, started_lane, started_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) < %(gap)s THEN 0 ELSE 1 END AS begins FROM parts
), joined AS (
    SELECT *, sum(begins) OVER (PARTITION BY user_email ORDER BY started_at, started_lane, started_seq ROWS UNBOUNDED PRECEDING) AS island
    FROM parted
), merged AS (
    SELECT user_email, (array_agg(session_id ORDER BY started_at, started_lane, started_seq))[1] AS session_id, min(started_at) AS started_at,
        (array_agg(started_lane ORDER BY started_at, started_lane, started_seq))[1] AS started_lane,
        (array_agg(started_seq ORDER BY started_at, started_lane, started_seq))[1] AS started_seq, max(ended_at) AS ended_at,
        {", ".join(f"sum({count}) AS {count}" for count in _COUNTS)},
        (array_agg(first_page ORDER BY first_page) FILTER (WHERE first_page IS NOT NULL))[1] AS first_page,
        (array_agg(last_page ORDER BY last_page DESC) FILTER (WHERE last_page IS NOT NULL))[1] AS last_page
    FROM joined GROUP BY user_email, island
), gone AS (
    DELETE FROM {{to}}.user_session_summaries AS known USING touched
    WHERE known.derived AND known.user_email = touched.user_email AND known.session_id = touched.session_id
        AND NOT EXISTS (SELECT FROM merged WHERE merged.user_email = known.user_email AND merged.session_id = known.session_id)
)
INSERT INTO {{to}}.user_session_summaries AS known ({_COLUMNS})
SELECT user_email, session_id, true, started_at, started_lane, started_seq, ended_at,
    {_DURATION.format(ended="ended_at", started="started_at")}, {", ".join(_COUNTS)},
    {_fields("first_page")}, {_fields("last_page")}
FROM merged
ON CONFLICT (user_email, session_id, derived) DO UPDATE SET ended_at = excluded.ended_at, duration_ms = excluded.duration_ms,
    {", ".join(f"{column} = excluded.{column}" for column in (*_COUNTS, *_FIRST, *_LAST))}, updated_at = now()
"""  # noqa: S608 (constants)


def add(connection: Connection, gap: timedelta, to: str = "public") -> None:
    """Add what ``prelude_arrived`` holds to the session summaries in the schema `to`.

    Args:
        gap: rows so far apart, or further, are of two sessions.
    """
    connection.execute(_EXPLICIT.replace("{to}", to).encode())
    connection.execute(_DERIVED.replace("{to}", to).encode(), {"gap": gap})
