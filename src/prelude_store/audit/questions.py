"""The questions of a report, each one statement and so a short transaction of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from prelude_store.audit.asked import Asked

__all__ = ["COLUMNS", "Question", "acts", "begun", "counts", "gone", "reads", "rows"]

COLUMNS: Final = (
    "event_id", "timestamp", "user_email", "session_id", "action_type", "action_name", "action_category", "entity_type",
    "entity_id", "page_url", "page_route", "service_name", "user_agent", "ip_address", "action_data", "result_status",
    "result_data", "duration_ms", "tags", "completes_event_id", "trace_id", "span_id", "lane", "lane_seq", "created_at",
)  # fmt: skip
"""Of a row, as reports show it; JSON comes as its text, so that no number is rounded."""

_JSON: Final = frozenset({"action_data", "result_data"})
_TEXTS: Final = frozenset({"event_id", "completes_event_id"})


class Question(NamedTuple):
    """A statement, and its parameters; the answer is a list of tuples."""

    statement: str
    parameters: dict[str, Any]


# One snapshot: what is committed, how much of it is sealed, and the newest checkpoint.
_BEGUN: Final = """
SELECT current_database(),
    (SELECT jsonb_object_agg(lane, last_seq) FROM public.ingest_lanes),
    (SELECT jsonb_object_agg(lane, seq) FROM public.seal_cursors),
    (SELECT origin FROM public.seal_state), (SELECT size FROM public.seal_state), newest.size, newest.root, newest.signed_at
FROM (VALUES (1)) AS one (one)
LEFT JOIN LATERAL (SELECT size, root, signed_at FROM public.seal_checkpoints ORDER BY size DESC LIMIT 1) AS newest ON true
"""
_PART: Final = """
WITH part AS MATERIALIZED (
    SELECT {columns}, log.lane_seq <= coalesce((%(sealed)s::bigint[])[log.lane], 0) AS sealed FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= greatest(%(since)s::timestamptz, %(at)s::timestamptz) AND log."timestamp" < %(until)s::timestamptz
        AND (log."timestamp", log.event_id) > (%(at)s::timestamptz, %(id)s::uuid)
        AND log.lane_seq <= (%(committed)s::bigint[])[log.lane] AND {indexed}
    ORDER BY log."timestamp", log.event_id LIMIT %(limit)s::integer
), last AS MATERIALIZED (
    SELECT count(*) AS read, max(part."timestamp") AS at,
        (SELECT part.event_id::text FROM part ORDER BY part."timestamp" DESC, part.event_id DESC LIMIT 1) AS id
    FROM part
)
"""
_COUNTS: Final = """
SELECT last.read, last.at, last.id, counted.* FROM last CROSS JOIN (
    SELECT grouping(part.action_type, part.user_email, part.service_name) AS grouped,
        part.action_type, part.action_name, part.result_status, part.user_email, part.service_name,
        count(*), min(part."timestamp"), max(part."timestamp"), count(*) FILTER (WHERE part.sealed)
    FROM part WHERE {compared}
    GROUP BY GROUPING SETS ((part.action_type, part.action_name, part.result_status), (part.user_email), (part.service_name), ())
) AS counted
"""
_ROWS: Final = """
SELECT last.read, last.at, last.id, part.* FROM last LEFT JOIN part ON {compared} ORDER BY part."timestamp", part.event_id
"""
# A stretch of a week has few partitions, and of those an index gives just the records of reads. Deeds, such as set_policy, are no looks.
_READS: Final = """
SELECT log.user_email, log.action_data->>'route', log.action_data->>'role', log.action_data->>'token_id',
    log.action_data #>> '{{filters,user_email}}', log.action_data #>> '{{filters,entity_type}}', log.action_data #>> '{{filters,entity_id}}',
    coalesce(log.action_data #>> '{{filters,session_id}}', log.action_data #>> '{{filters,id}}'),
    log.action_data #>> '{{filters,customer_id}}', log.action_data #>> '{{filters,q}}',
    count(*), count(*) FILTER (WHERE log.result_status = 'error'), min(log."timestamp"), max(log."timestamp")
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(from)s::timestamptz AND log."timestamp" < %(to)s::timestamptz
    AND log.action_type IN ('analytics', 'export', 'settings') AND log.action_data ?& ARRAY['route', 'role', 'token_id']
    AND log.action_name ~ '^(view|watch|run|read|export)'
    AND log.lane_seq <= (%(committed)s::bigint[])[log.lane] AND {looked_at}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""
# Days are those of retention, in UTC; what it let go is told of everybody. Proposals that lapsed were once acts of the kind `expire`, too.
_GONE: Final = """
SELECT coalesce(sum(rows), 0)::bigint, coalesce(sum(persons), 0)::bigint, coalesce(sum(contents), 0)::bigint, (
    SELECT count(*) FROM public.governance_acts
    WHERE at >= %(until)s::timestamptz AND kind IN ('erased', 'renamed', 'expire', 'drop') AND NOT detail ? 'proposal'
)
FROM public.retention_days
WHERE day >= (%(since)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(until)s::timestamptz AT TIME ZONE 'UTC')
"""
_ACTS: Final = """
SELECT act.id, act.at, act.kind, act.actor, act.reason, act.detail::text,
    act.lane_seq <= coalesce((%(sealed)s::bigint[])[act.lane], 0)
FROM public.governance_acts AS act
WHERE act.id > %(after)s::bigint AND act.at >= %(since)s::timestamptz AND act.at < %(until)s::timestamptz AND {condition}
ORDER BY act.id LIMIT %(limit)s::integer
"""


def begun() -> Question:
    """What holds for the whole report."""
    return Question(_BEGUN, {})


def counts(asked: Asked, place: dict[str, Any]) -> Question:
    """Counts of the next rows behind `place`; each line begins with how many were read, and the last one's time and id."""
    columns = ", ".join(
        f'log."{name}"'
        for name in (
            "timestamp",
            "event_id",
            "user_email",
            "action_type",
            "action_name",
            "result_status",
            "service_name",
        )
    )
    statement = _PART.format(columns=columns, indexed=asked.subject.indexed) + _COUNTS.format(
        compared=asked.subject.compared
    )
    return Question(statement, asked.parameters | place)


def rows(asked: Asked, place: dict[str, Any]) -> Question:
    """The next rows behind `place`; each line begins as those of `counts`, and one alone has no row where none fits."""
    columns = ", ".join(
        f'log."{name}"' + ("::text" if name in _JSON | _TEXTS and name != "event_id" else "") for name in COLUMNS
    )
    statement = _PART.format(columns=columns, indexed=asked.subject.indexed) + _ROWS.format(
        compared=asked.subject.compared
    )
    return Question(statement, asked.parameters | place)


def reads(asked: Asked, stretch: dict[str, Any]) -> Question:
    """Who looked, in a stretch of time, by which route, at whose data: by person, entity, session, customer or search."""
    return Question(_READS.format(looked_at=asked.subject.looked_at), asked.parameters | stretch)


def gone(asked: Asked) -> Question:
    """What left the log by retention, of the days of the period; and how many acts behind the period may have changed rows in it."""
    return Question(_GONE, asked.parameters)


def acts(asked: Asked, place: dict[str, Any]) -> Question:
    """The next acts, all of them or those about the person."""
    condition = "true" if not asked.subject.given else "act.detail->>'person' = %(person)s::text"
    return Question(_ACTS.format(condition=condition), asked.parameters | place)
