"""Answers as prelude_reader gets them, straight from the room's functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from prelude_analytics.database import Connection
from tests.support.postgres import as_role

Given = TypeVar("Given")

BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SETTINGS = b"SET timezone = 'UTC'; SET jit = off; SET plan_cache_mode = force_custom_plan"


def answered(database: str, ask: Callable[[Connection], Awaitable[Given]]) -> Given:
    """What `ask` gives in one snapshot of `database`."""

    async def asking() -> Given:
        connection: Any = await psycopg.AsyncConnection.connect(
            as_role(database, "reader"), autocommit=True, row_factory=dict_row, prepare_threshold=None
        )
        async with connection:
            await connection.execute(SETTINGS)
            await connection.execute(BEGIN)
            return await ask(connection)

    return asyncio.run(asking())
