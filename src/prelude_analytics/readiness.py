"""Whether answers can be given, and how fresh they are: watched once a second, red while the database is away, green again by itself."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Final

from prelude_analytics import queries
from prelude_analytics.freshness import Freshness
from prelude_otel.errors import PreludeError, SchemaError
from prelude_store.migrations import migrations

if TYPE_CHECKING:
    from prelude_analytics.database import Database

__all__ = ["Readiness"]

_PERIOD: Final = 1.0
_log = logging.getLogger(__name__)


class Readiness:
    """Asked by ``/readyz``; kept true by `watch`.

    Attributes:
        freshness: as it was when the database answered last.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._why: str | None = "it has not reached the database yet"
        self._wanted = len(migrations())
        self.freshness = Freshness()

    @property
    def why_not(self) -> str | None:
        """Why no answers can be given, or None when they can."""
        return self._why

    async def watch(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            before, self._why = self._why, await self._look()
            if self._why is None and before is not None:
                _log.info("the database answers")
            elif self._why is not None and self._why != before:
                _log.warning("no answers for now: %s", self._why)
            await asyncio.sleep(_PERIOD)

    async def _look(self) -> str | None:
        try:
            async with self._database.read() as connection:
                cursor = await connection.execute("SELECT max(version) AS version FROM public.prelude_migrations")
                row = await cursor.fetchone()
                self._check(row["version"] if row else None)
                cursor = await connection.execute(queries.load("freshness"))
                if found := await cursor.fetchone():
                    behind = [math.inf if found[name] is None else found[name] for name in ("rollups", "timeline")]
                    self.freshness = Freshness(behind[0], found["places"], behind[1])
        except PreludeError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (shown as what it is; the watch goes on)
            _log.exception("looking at the database failed")
            return f"looking at the database failed: {type(error).__name__}"
        return None

    def _check(self, version: int | None) -> None:
        if (version or 0) < self._wanted:
            raise SchemaError(
                f"the schema is at {version or 0}, this program needs {self._wanted}; run: prelude store migrate"
            )
        if version != self._wanted:
            raise SchemaError(
                f"the schema is at {version}, newer than this program, which knows {self._wanted}; upgrade prelude-otel"
            )
