"""What a pass has to count, side by side in one temporary table, whatever brought it there.

A line of ``prelude_arrived`` says how a row counts (``sign``: 1 counts, -1 is taken back, 0 does not count), how its length counts
(``lengths``, likewise), and whether it bounds a session. What is found twice is settled here, so that all that is kept from these lines is
a sum:

- A pending row that was ended does not count. Ended before it was passed: ``sign`` 0. Ended later: a line of -1.
- A length counts with its row, unless it came as an amendment that is not passed yet; then it counts with the amendment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from prelude_store.connection import Connection

__all__ = [
    "MAKE",
    "MAKE_TO_KEEP",
    "take_day",
    "take_day_in_sessions",
    "take_days_of_users",
    "take_places",
    "take_sessions",
    "take_users_in_sessions",
]

MAKE_TO_KEEP: Final = (
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_arrived (
    sign smallint, lengths smallint, in_session boolean, "at" timestamptz, bucket timestamptz, event_id uuid, lane integer,
    lane_seq bigint, completes_event_id uuid, user_email text, session_id text, action_type text, action_name text,
    service_name text, entity_type text, page_route text, page text, result_status text, duration_ms integer,
    customer_id text, method text, value_usd numeric
)
""",
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_amended (
    lane integer, lane_seq bigint, event_id uuid, "at" timestamptz, duration_ms integer
)
""",
    'CREATE TEMP TABLE IF NOT EXISTS prelude_ended (event_id uuid, "at" timestamptz)',
)
"""What makes the tables, for who empties them itself: a server that does it at each COMMIT cuts their files, and writers wait for the disk behind that."""
MAKE: Final = tuple(f"{statement.rstrip()} ON COMMIT DELETE ROWS" for statement in MAKE_TO_KEEP)
"""What makes them, empty at the beginning of each transaction."""

# What a line holds of the row `log`; {sign}, {lengths}, {in_session} and {duration} come before.
_LINE: Final = """
log."timestamp", date_bin('15 minutes', log."timestamp", 'epoch'), log.event_id, log.lane, log.lane_seq,
nullif(log.completes_event_id, log.event_id), public.prelude_key(log.user_email), public.prelude_key(log.session_id, 1000),
log.action_type, public.prelude_key(log.action_name), public.prelude_key(log.service_name), public.prelude_key(log.entity_type),
public.prelude_key(log.page_route), coalesce(log.page_route, log.page_url), log.result_status, {duration},
CASE WHEN log.action_name IN ('view_customer', 'view_deal') THEN
    nullif(public.prelude_key(coalesce(log.action_data->>'customer_id', CASE log.action_name WHEN 'view_customer' THEN log.entity_id END)), '')
END,
CASE WHEN log.action_name IN ('generate_email', 'send_email') THEN public.prelude_key(log.action_data->>'method') END,
CASE WHEN log.action_name = 'create_deal' AND jsonb_typeof(log.action_data->'value_usd') = 'number' THEN
    (log.action_data->>'value_usd')::numeric
END
"""
_ARRIVE: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT 1, CASE WHEN log.duration_ms IS NULL THEN 0 ELSE 1 END, true, {_LINE.format(duration="log.duration_ms")}
FROM public.user_activity_logs AS log WHERE log.lane = %s AND log.lane_seq > %s AND log.lane_seq <= %s
"""  # noqa: S608 (constants)

# What is above the new cursors is there as well: it tells which lengths do not count yet.
_AMENDED: Final = """
INSERT INTO pg_temp.prelude_amended
SELECT lane, lane_seq, event_id, "timestamp", duration_ms FROM public.activity_amendments WHERE lane = %s AND lane_seq > %s
"""
_NOTE_ENDS: Final = """
INSERT INTO public.superseded_rows (event_id, lane, lane_seq)
SELECT completes_event_id, lane, lane_seq FROM pg_temp.prelude_arrived WHERE completes_event_id IS NOT NULL ORDER BY 1
ON CONFLICT DO NOTHING
"""
_ENDED_BEFORE: Final = """
UPDATE pg_temp.prelude_arrived SET sign = 0, lengths = 0 WHERE result_status = 'pending'
    AND EXISTS (SELECT FROM public.superseded_rows AS ended WHERE ended.event_id = prelude_arrived.event_id)
"""
_ENDED_NOW: Final = """
WITH ended AS (
    DELETE FROM public.pending_rows AS known
    USING (SELECT DISTINCT completes_event_id FROM pg_temp.prelude_arrived WHERE completes_event_id IS NOT NULL) AS named
    WHERE known.event_id = named.completes_event_id RETURNING known.event_id, known."timestamp"
)
INSERT INTO pg_temp.prelude_ended SELECT event_id, "timestamp" FROM ended
"""
_TAKE_BACK: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT -1, CASE WHEN log.duration_ms IS NULL OR amended.event_id IS NOT NULL THEN 0 ELSE -1 END, true,
    {_LINE.format(duration="log.duration_ms")}
FROM pg_temp.prelude_ended AS ended
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs WHERE "timestamp" = ended."at" AND event_id = ended.event_id OFFSET 0
) AS log
LEFT JOIN pg_temp.prelude_amended AS amended ON amended.event_id = ended.event_id AND amended."at" = ended."at"
"""  # noqa: S608 (constants)
_NOTE_PENDING: Final = """
INSERT INTO public.pending_rows (event_id, "timestamp")
SELECT event_id, "at" FROM pg_temp.prelude_arrived WHERE result_status = 'pending' AND sign = 1 ORDER BY 1 ON CONFLICT DO NOTHING
"""
_NOT_YET: Final = """
UPDATE pg_temp.prelude_arrived AS arrived SET lengths = 0 FROM pg_temp.prelude_amended AS amended
WHERE arrived.lengths = 1 AND amended.event_id = arrived.event_id AND amended."at" = arrived."at"
    AND NOT EXISTS (SELECT FROM public.rollup_cursors AS passed WHERE passed.lane = amended.lane AND passed.seq >= amended.lane_seq)
"""
# The cursors are the new ones by now; a row that came by in this pass has its length already.
_COMPLETE: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT 0, 1, false, {_LINE.format(duration="amended.duration_ms")}
FROM pg_temp.prelude_amended AS amended
JOIN public.rollup_cursors AS passed ON passed.lane = amended.lane AND amended.lane_seq <= passed.seq
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs WHERE "timestamp" = amended."at" AND event_id = amended.event_id OFFSET 0
) AS log
JOIN public.rollup_cursors AS row_passed ON row_passed.lane = log.lane AND log.lane_seq <= row_passed.seq
WHERE NOT EXISTS (SELECT FROM pg_temp.prelude_arrived AS arrived WHERE arrived.event_id = log.event_id AND arrived."at" = log."timestamp")
    AND NOT (log.result_status = 'pending'
        AND EXISTS (SELECT FROM public.superseded_rows AS ended WHERE ended.event_id = log.event_id))
"""  # noqa: S608 (constants)
_ROWS_PASSED: Final = """
FROM public.user_activity_logs AS log
JOIN public.rollup_cursors AS passed ON passed.lane = log.lane AND log.lane_seq <= passed.seq
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending'
        AND EXISTS (SELECT FROM {ended_in}.superseded_rows AS ended WHERE ended.event_id = log.event_id) THEN 0 ELSE 1 END AS counts
) AS counting
"""
_ROWS_OF_DAY: Final = f"""{_ROWS_PASSED}
WHERE log."timestamp" >= %(day)s::date AND log."timestamp" < %(day)s::date + 1
"""
_DAY: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT counts, CASE WHEN log.duration_ms IS NULL OR counts = 0 THEN 0 ELSE 1 END, true, {_LINE.format(duration="log.duration_ms")}
{_ROWS_OF_DAY}
"""
_IN_SESSIONS: Final = """
INSERT INTO pg_temp.prelude_arrived
    (sign, lengths, in_session, "at", event_id, lane, lane_seq, user_email, session_id, page, result_status)
SELECT counts, 0, true, log."timestamp", log.event_id, log.lane, log.lane_seq, public.prelude_key(log.user_email),
    public.prelude_key(log.session_id, 1000), coalesce(log.page_route, log.page_url), log.result_status
"""
_DAY_IN_SESSIONS: Final = f"{_IN_SESSIONS}{_ROWS_OF_DAY} AND log.user_email <> ''"
_USERS_IN_SESSIONS: Final = f"{_IN_SESSIONS}{_ROWS_PASSED} WHERE log.user_email = ANY (%(users)s)"
_DAY_AMENDED: Final = """
INSERT INTO pg_temp.prelude_amended
SELECT amended.lane, amended.lane_seq, event_id, "timestamp", duration_ms
FROM public.activity_amendments AS amended LEFT JOIN public.rollup_cursors AS passed USING (lane)
WHERE amended.lane_seq > coalesce(passed.seq, 0)
    AND amended."timestamp" >= %(day)s::date AND amended."timestamp" < %(day)s::date + 1
"""
_LEFT_COUNTED: Final = """
JOIN public.rollup_cursors AS passed ON passed.lane = log.lane AND log.lane_seq <= passed.seq
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending'
        AND EXISTS (SELECT FROM public.superseded_rows AS ended WHERE ended.event_id = log.event_id) THEN 0 ELSE 1 END AS counts
) AS counting
"""
_SESSIONS: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT counts, 0, true, {_LINE.format(duration="log.duration_ms")}
FROM pg_temp.prelude_broken AS broken
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs AS log
    WHERE log.user_email = broken.user_email AND log."timestamp" >= broken.started_at AND log."timestamp" <= broken.ended_at
        AND public.prelude_key(log.session_id, 1000) = broken.session_id OFFSET 0
) AS log
{_LEFT_COUNTED}
"""  # noqa: S608 (constants)
_DAYS_OF_USERS: Final = f"""
INSERT INTO pg_temp.prelude_arrived
SELECT counts, 0, false, {_LINE.format(duration="log.duration_ms")}
FROM unnest(%(emails)s::text[], %(days)s::date[]) AS wanted (user_email, day)
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs AS log WHERE log.user_email = wanted.user_email
        AND log."timestamp" >= wanted.day::timestamp AT TIME ZONE 'UTC' AND log."timestamp" < (wanted.day + 1)::timestamp AT TIME ZONE 'UTC'
    OFFSET 0
) AS log
{_LEFT_COUNTED}
"""  # noqa: S608 (constants)


def take_places(connection: Connection, before: Mapping[int, int], until: Mapping[int, int]) -> int:
    """Fill ``prelude_arrived`` with what the lanes hold above `before`, up to `until`; gives the rows among it.

    ``rollup_cursors`` says `until` already, and the transaction sees one snapshot.
    """
    rows = amendments = 0
    for lane, last in until.items():
        rows += connection.execute(_ARRIVE, [lane, before.get(lane, 0), last], prepare=True).rowcount
    for lane, seq in before.items():
        amendments += connection.execute(_AMENDED, [lane, seq], prepare=True).rowcount
    if amendments:
        connection.execute("ANALYZE pg_temp.prelude_amended")
    ends = connection.execute(_NOTE_ENDS).rowcount
    connection.execute(_ENDED_BEFORE)
    if ends and connection.execute(_ENDED_NOW).rowcount:
        connection.execute(_TAKE_BACK)
    connection.execute(_NOTE_PENDING)
    if amendments:
        connection.execute(_NOT_YET)
        connection.execute(_COMPLETE)
    return rows


def take_day(connection: Connection, day: date, ended_in: str = "public") -> int:
    """Fill ``prelude_arrived`` with the rows of `day` (UTC) at or below the cursors; gives how many.

    Args:
        ended_in: schema of a ``superseded_rows`` that is right already.
    """
    rows = connection.execute(_DAY.replace("{ended_in}", ended_in).encode(), {"day": day}).rowcount
    if connection.execute(_DAY_AMENDED, {"day": day}).rowcount:
        connection.execute(_NOT_YET)
    return rows


def take_day_in_sessions(connection: Connection, day: date, ended_in: str = "public") -> None:
    """The same, with no more than sessions are made of."""
    connection.execute(_DAY_IN_SESSIONS.replace("{ended_in}", ended_in).encode(), {"day": day})


def take_sessions(connection: Connection) -> int:
    """Fill ``prelude_arrived`` with what is left of sessions, at or below the cursors; gives how many rows.

    They stand in ``pg_temp.prelude_broken``: whole address, session id as in summaries (``''`` for a derived one), and bounds.
    """
    return connection.execute(_SESSIONS.encode()).rowcount


def take_days_of_users(connection: Connection, days: Sequence[tuple[str, date]]) -> int:
    """Fill ``prelude_arrived`` with what users did on days (UTC), at or below the cursors; gives how many rows."""
    asked = {"emails": [email for email, _ in days], "days": [day for _, day in days]}
    return connection.execute(_DAYS_OF_USERS.encode(), asked).rowcount


def take_users_in_sessions(connection: Connection, users: Sequence[str]) -> None:
    """Fill ``prelude_arrived`` with what sessions are made of, of all rows of `users` at or below the cursors."""
    connection.execute(_USERS_IN_SESSIONS.replace("{ended_in}", "public").encode(), {"users": list(users)})
