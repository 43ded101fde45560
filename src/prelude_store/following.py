"""The tail for an event loop: what commits, with all its columns, of all lanes in one question.

`tail` is its plain sister for a command. Here a poll that finds nothing reads one small table and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from prelude_otel.errors import StoreUnavailableError
from prelude_store.connection import DEFAULTS, said
from prelude_store.settings import target
from prelude_store.tail import SESSION, Change, Cursor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

__all__ = [
    "BYTES",
    "COLUMNS",
    "PORTION",
    "AsyncConnection",
    "Followed",
    "connect_reader",
    "last_numbers",
    "read",
    "rows_by_key",
]

AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

PORTION: Final = 1000
"""Numbers of a lane that are read at once."""
BYTES: Final = 4 * 1024 * 1024
"""Of rows that are read at once, nearly, and one row of each lane beyond: a row may have half a megabyte."""

COLUMNS: Final = {
    "event_id": "event_id::text",
    "timestamp": '"timestamp"',
    "user_email": "user_email",
    "session_id": "session_id",
    "action_type": "action_type",
    "action_name": "action_name",
    "action_category": "action_category",
    "entity_type": "entity_type",
    "entity_id": "entity_id",
    "page_url": "page_url",
    "page_route": "page_route",
    "service_name": "service_name",
    "user_agent": "user_agent",
    "ip_address": "ip_address",
    "action_data": "action_data::text",
    "result_status": "result_status",
    "result_data": "result_data::text",
    "duration_ms": "duration_ms",
    "tags": "tags",
    "completes_event_id": "completes_event_id::text",
    "trace_id": "trace_id",
    "span_id": "span_id",
}
"""Columns of a row as it is read, with how each is read: JSON stays text."""

_READ: Final = ", ".join(f'{how} AS "{name}"' for name, how in COLUMNS.items())
_AGE: Final = "extract(epoch FROM clock_timestamp() - found.created_at)::double precision AS age"
_WANTED: Final = "unnest(%s::integer[], %s::bigint[], %s::bigint[]) AS wanted (lane, seen, until)"
_BEHIND: Final = "found.lane = wanted.lane AND found.lane_seq > wanted.seen AND found.lane_seq <= wanted.until"
_SHOWN: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_SIZES: Final = (
    *(f"octet_length({name})" for name in ("action_data", "result_data", "page_url", "user_agent")),
    "pg_column_size(tags)",
)
_SIZE: Final = " + ".join(f"coalesce({size}, 0)" for size in _SIZES)
# `held` is what the rows before it in its lane hold. `following` is the next row's number: so a lane that was cut is told from one that ended.
_ROWS: Final = f"""
SELECT lane, lane_seq, age, {_SHOWN}, following FROM (
    SELECT read.*, lead(lane_seq) OVER lanes AS following, sum({_SIZE}) OVER lanes - ({_SIZE}) AS held
    FROM (
        SELECT found.lane, found.lane_seq, {_AGE}, {_READ} FROM {_WANTED} JOIN public.user_activity_logs AS found ON {_BEHIND}
    ) AS read WINDOW lanes AS (PARTITION BY lane ORDER BY lane_seq)
) AS summed WHERE held < %s::bigint
"""  # noqa: S608 (constants)
_AMENDMENTS: Final = (
    'SELECT found.lane, found.lane_seq, event_id::text, "timestamp", duration_ms'  # noqa: S608 (constants)
    f" FROM {_WANTED} JOIN public.activity_amendments AS found ON {_BEHIND}"
)
_BY_KEY: Final = f"""
SELECT {_SHOWN}, following FROM (
    SELECT read.*, lead(place) OVER places AS following, sum({_SIZE}) OVER places - ({_SIZE}) AS held
    FROM (
        SELECT {_READ}, wanted.place FROM unnest(%s::timestamptz[], %s::uuid[]) WITH ORDINALITY AS wanted (at, id, place)
        JOIN public.user_activity_logs AS found ON found."timestamp" = wanted.at AND found.event_id = wanted.id
    ) AS read WINDOW places AS (ORDER BY place)
) AS summed WHERE held < %s::bigint ORDER BY place
"""  # noqa: S608 (constants)
# A plan for all numbers can't know that few rows lie behind a cursor, and would read the whole log to find them.
_PLANS: Final = dict.fromkeys(
    ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit"), "off"
)


async def connect_reader(conninfo: str, application_name: str, *, statement_timeout: float = 5.0) -> AsyncConnection:
    """Open a connection that reads as ``prelude_reader`` and can do nothing else.

    Args:
        conninfo: a login that is a member of ``prelude_reader``.
        application_name: as ``pg_stat_activity`` shows it.
        statement_timeout: in seconds.

    Raises:
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    parameters: dict[str, Any] = {"application_name": application_name} | DEFAULTS | conninfo_to_dict(conninfo)
    session = {
        "role": "prelude_reader",
        "default_transaction_read_only": "on",
        "timezone": "UTC",
        "datestyle": "ISO",
        "client_encoding": "UTF8",
        "statement_timeout": f"{int(statement_timeout * 1000)}ms",
        **SESSION,
        **_PLANS,
    }
    try:
        connection = await AsyncConnection.connect(autocommit=True, **parameters)
        try:
            await connection.execute(
                "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
                [list(session), list(session.values())],
            )
        except BaseException:
            await connection.close()
            raise
    except psycopg.Error as error:
        raise StoreUnavailableError(f"can't use {target(conninfo)}: {said(error)}") from None
    return connection


async def last_numbers(connection: AsyncConnection) -> Cursor:
    """A cursor behind all that is committed."""
    found = await connection.execute("SELECT lane, last_seq FROM public.ingest_lanes", prepare=True)
    return {int(lane): int(seq) for lane, seq in await found.fetchall()}


class Followed(NamedTuple):
    """What was read.

    Args:
        changes: in the order of lanes and numbers.
        after: the cursor to go on with.
        cut: whether rows were left for the next time, because these are so large.
    """

    changes: list[Change]
    after: Cursor
    cut: bool


async def read(connection: AsyncConnection, cursor: Cursor, until: Cursor, portion: int, size: int) -> Followed:
    """What was committed behind `cursor`, up to `until`, some of it.

    Rows have an ``age`` beside their columns: seconds since their transaction began, by the clock of the database.

    Args:
        cursor: a lane that it does not know is read from its beginning.
        until: a cursor that `last_numbers` gave: all up to it is committed.
        portion: numbers of each lane at most.
        size: bytes of rows at most, nearly, and one row of each lane beyond.
    """
    wanted = {
        lane: (cursor.get(lane, 0), min(last, cursor.get(lane, 0) + portion))
        for lane, last in until.items()
        if last > cursor.get(lane, 0)
    }
    if not wanted:
        return Followed([], cursor, cut=False)
    ends = {lane: end for lane, (_, end) in wanted.items()}
    async with connection.cursor(row_factory=dict_row) as query:
        await query.execute(_ROWS, [*_bounds(wanted), max(size // len(wanted), 1)], prepare=True)
        changes = []
        last_ones: dict[int, tuple[int, int | None]] = {}
        for values in await query.fetchall():
            following = values.pop("following")
            change = _change("row", values)
            changes.append(change)
            last_ones[change.lane] = max(
                last_ones.get(change.lane, (0, None)), (change.lane_seq, following), key=_number
            )
        cut = {lane: number for lane, (number, following) in last_ones.items() if following is not None}
        ends |= cut
        read_to = {lane: (seen, ends[lane]) for lane, (seen, _) in wanted.items()}
        if len(changes) < sum(end - seen for seen, end in read_to.values()):  # numbers that no row has
            await query.execute(_AMENDMENTS, _bounds(read_to), prepare=True)
            changes += [_change("amendment", values) for values in await query.fetchall()]
    changes.sort(key=_place)
    return Followed(changes, cursor | ends, cut=bool(cut))


async def rows_by_key(
    connection: AsyncConnection, keys: Sequence[tuple[datetime, str]], size: int
) -> tuple[dict[str, dict[str, Any]], int]:
    """Rows by their time and event id, and how many of the keys were looked up; those that are gone are left out.

    Args:
        size: bytes of rows at most, nearly, and one row beyond.
    """
    times, ids = [list(column) for column in zip(*keys, strict=True)] or ([], [])
    found, looked_up = {}, len(keys)
    async with connection.cursor(row_factory=dict_row) as query:
        await query.execute(_BY_KEY, [times, ids, size], prepare=True)
        for values in await query.fetchall():
            following = values.pop("following")
            found[values["event_id"]] = values
            looked_up = len(keys) if following is None else following - 1
    return found, looked_up


def _bounds(wanted: Mapping[int, tuple[int, int]]) -> list[list[int]]:
    """For `_WANTED`."""
    return [list(wanted), [seen for seen, _ in wanted.values()], [end for _, end in wanted.values()]]


def _number(row: tuple[int, int | None]) -> int:
    return row[0]


def _change(kind: str, values: dict[str, Any]) -> Change:
    return Change(kind, values.pop("lane"), values.pop("lane_seq"), values)


def _place(change: Change) -> tuple[int, int]:
    return change.lane, change.lane_seq
