"""The timeline's last days, read once when a process starts: so they are in memory before somebody waits for them."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from prelude_analytics.queries import load
from prelude_analytics.timeline.stored import Stored
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from prelude_analytics.database import Database
    from prelude_analytics.timeline.memory import Memory

__all__ = ["warm_up"]

_DAYS: Final = 90
_PORTION: Final = 8
"""Days that are read in one snapshot."""
_AGAIN: Final = 5.0
"""Seconds after which a database that is away is tried again."""
_DAY: Final = timedelta(days=1)
_log = logging.getLogger(__name__)


async def warm_up(database: Database, memory: Memory) -> None:
    """Read the last days, the newest first, as far as half the memory goes; again while the database is away."""
    last = datetime.now(UTC).date()
    done = 0
    while done < _DAYS and not memory.half_full:
        try:
            await _read(database, memory, last - (done + _PORTION - 1) * _DAY, last - done * _DAY)
        except PreludeError as error:
            _log.debug("the timeline is not remembered yet: %s", error)
            await asyncio.sleep(_AGAIN)
        else:
            done += _PORTION
    _log.info("the timeline of %d days is in memory, %d MiB", min(done, _DAYS), memory.size // 1024**2)


async def _read(database: Database, memory: Memory, first: date, last: date) -> None:
    async with database.read() as connection:
        cursor = await connection.execute(load("timeline_state"), {"first": first, "last": last})
        versions = {row["day"]: row["built_at"] for row in await cursor.fetchall()}
        actions = await (await connection.execute(load("timeline_actions"))).fetchall()
        stored = Stored(connection, memory)
        for name in ("timeline_runs", "timeline_sequences"):
            await stored.days(name, versions)
        await stored.blocks([action["id"] for action in actions], versions, more=False)
