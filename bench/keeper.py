"""The keepers of rollups, sessions and the timeline, as `prelude analytics` runs them, and nothing else: for `rollups.py` to stop and let go.

python -m bench.keeper URL
"""

from __future__ import annotations

import asyncio
import sys

from prelude_analytics.keeping import kept
from prelude_analytics.metrics import Metrics
from prelude_analytics.settings import Settings


async def keep(database_url: str) -> None:
    """Keep them until the process is ended."""
    async with kept(database_url, Settings(database_url=database_url, retention_every=0), Metrics()):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(keep(sys.argv[1]))
