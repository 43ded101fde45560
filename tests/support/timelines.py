"""Histories in a database, and the timeline over them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg

from prelude_analytics.database import Connection, Database
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.settings import Settings
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.memory import Memory
from prelude_analytics.zones import zone
from prelude_store.writer import Batch, Writer
from tests.oracle.history import Row
from tests.support.rows import make_row

Answer = TypeVar("Answer")
LITTLE = 20_000
"""Bytes: so few that much is forgotten."""
MEMORIES: dict[str, Memory] = {}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def write(writer: Writer, rows: list[Row]) -> None:
    """Write `rows`; lanes and places are the writer's."""
    writer.write(
        Batch(
            rows=[
                make_row(
                    timestamp_us=row.at,
                    event_id=row.event_id,
                    user_email=row.user,
                    action_name=row.action,
                    result_status=row.status,
                    service_name=row.service,
                    completes_event_id=row.completes,
                )
                for row in rows
            ]
        )
    )


def written(connection: psycopg.Connection[Any], since: int, until: int) -> list[Row]:
    """What stands in the log, as the oracle reads it."""
    found = connection.execute(
        'SELECT user_email, (extract(epoch FROM "timestamp") * 1000000)::bigint, lane, lane_seq, event_id::text, action_name,'
        ' result_status, service_name, completes_event_id::text FROM user_activity_logs WHERE "timestamp" >= %s AND "timestamp" < %s',
        [moment(since), moment(until)],
    )
    return [Row(*row) for row in found]


def on_timeline(
    database: str,
    since: int,
    until: int,
    question: Callable[[Timeline], Awaitable[Answer]],
    *,
    filters: Filters | None = None,
    cut: int = 0,
    tz: str = "UTC",
    memory: Memory | None = None,
) -> Answer:
    """Ask `question` of the timeline of a range, as the API does; what was read before is remembered, in `memory` or in little."""
    remembered = memory or MEMORIES.setdefault(database, Memory(LITTLE))

    async def ask() -> Answer:
        reader = await Database.open(Settings(database_url=database, connections=1))
        try:
            async with reader.read() as connection:
                return await question(await _open(connection))
        finally:
            await reader.close()

    async def _open(connection: Connection) -> Timeline:
        asked = Range(moment(since), moment(until), zone(tz))
        return await Timeline.open(connection, asked, filters or Filters(), moment(cut), memory=remembered)

    return asyncio.run(ask())
