"""What a process reads of the timeline before anybody asks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prelude_analytics.database import Database
from prelude_analytics.settings import Settings
from prelude_analytics.timeline.memory import Memory
from prelude_analytics.timeline.warming import warm_up
from prelude_store.connection import connect
from prelude_store.timeline.moments import microseconds
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row


def test_the_last_days_are_in_memory_before_anybody_asks(writer: Writer, database: str) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=microseconds(datetime.now(UTC)))]))
    with connect(as_role(database, "keeper"), "test") as keeper:
        while tend(keeper):
            pass
    memory = Memory(1_000_000)

    async def warm() -> None:
        reader = await Database.open(Settings(database_url=database, connections=1))
        try:
            await warm_up(reader, memory)
        finally:
            await reader.close()

    asyncio.run(warm())
    assert {key[0] for key in memory._entries} == {"timeline_runs", "timeline_sequences", "block"}  # type: ignore[index]
