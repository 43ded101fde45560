"""Days of the timeline as they are stored: read once in each version, and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from prelude_analytics.database import Connection
from prelude_analytics.queries import load
from prelude_analytics.timeline.memory import Memory

__all__ = ["Stored", "Versions", "binary"]

Versions: TypeAlias = Mapping[date, datetime]
"""When each day was built."""

_PORTION: Final = 8
"""Days that one statement reads, so that others have their turn in between."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The stored days as one snapshot has them.

    Attributes:
        connection: within its transaction.
        memory: of the process.
    """

    connection: Connection
    memory: Memory

    async def days(self, name: str, versions: Versions) -> dict[date, dict[str, Any]]:
        """Days, each in its version, as ``sql/{name}.sql`` gives them."""

        async def read(keys: list[Any]) -> dict[Any, dict[str, Any]]:
            found = {}
            for start in range(0, len(keys), _PORTION):
                days = [day for _, day, _ in keys[start : start + _PORTION]]
                for row in await binary(self.connection, load(name), {"days": days}):
                    found[name, row["day"], versions[row["day"]]] = row
            return found

        stored = await self.memory.obtain([(name, *version) for version in versions.items()], read)
        return {day: row for (_, day, _), row in stored.items()}

    async def blocks(self, actions: list[int], versions: Versions, *, more: bool) -> list[dict[str, Any]]:
        """The rows of some actions on each of the days, where there are any; with statuses and services, if `more`."""
        statement = load("timeline_blocks", more=", statuses, services" if more else "")

        async def read(keys: list[Any]) -> dict[Any, dict[str, Any]]:
            found = {}
            days, missing = list(dict.fromkeys(key[2] for key in keys)), list({key[4] for key in keys})
            for start in range(0, len(days), _PORTION):
                asked = {"days": days[start : start + _PORTION], "actions": missing}
                for row in await binary(self.connection, statement, asked):
                    found["block", more, row["day"], versions[row["day"]], row["action_id"]] = row
            return found

        keys = [("block", more, *version, action) for version in versions.items() for action in actions]
        found = await self.memory.obtain(keys, read)
        return [found[key] for key in keys if found[key] is not None]


async def binary(connection: Connection, statement: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    """What a statement gives, arrays as they are."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()
