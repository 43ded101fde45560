"""Lanes: each live writer connection owns one, and numbers what it commits in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["claim", "newest_erasure", "reserve", "reserve_knowing"]

_LOCK_SPACE: Final = 0x6C616E65  # "lane"


def claim(connection: Connection) -> int:
    """Take a free lane for as long as `connection` lives, or make a new one.

    An advisory lock of the session says that the lane is taken, so a dead writer's lane is free again. Were two writers to share
    a lane all the same (a pooler that swaps sessions), the row lock of `reserve` would still keep its order right.
    """
    while True:
        lanes: list[int] = [
            lane for (lane,) in connection.execute("SELECT lane FROM public.ingest_lanes ORDER BY lane")
        ]
        for lane in lanes:
            if _lock(connection, lane):
                return lane
        new = max(lanes, default=0) + 1
        connection.execute("INSERT INTO public.ingest_lanes (lane) VALUES (%s) ON CONFLICT DO NOTHING", [new])
        if _lock(connection, new):
            return new


def reserve(connection: Connection, lane: int, count: int) -> int:
    """Reserve `count` numbers of `lane` within the open transaction; gives the first. The lane is ours until COMMIT."""
    row = connection.execute(
        "UPDATE public.ingest_lanes SET last_seq = last_seq + %s WHERE lane = %s RETURNING last_seq", [count, lane]
    ).fetchone()
    if row is None:
        raise psycopg.OperationalError(f"lane {lane} is gone from ingest_lanes")
    return int(row[0]) - count + 1


def reserve_knowing(connection: Connection, lane: int, count: int) -> tuple[int, int]:
    """As `reserve`, and the version of the newest erasure (`erasure.asked`); 0 where there is none.

    In one question: an erasure that waits for the lane afterwards finds whatever is committed without knowing of it.
    """
    row = connection.execute(
        "UPDATE public.ingest_lanes SET last_seq = last_seq + %s WHERE lane = %s"
        " RETURNING last_seq, (SELECT coalesce(max(version), 0) FROM public.erasures)",
        [count, lane],
    ).fetchone()
    if row is None:
        raise psycopg.OperationalError(f"lane {lane} is gone from ingest_lanes")
    return int(row[0]) - count + 1, int(row[1])


def newest_erasure(connection: Connection) -> int:
    """The version of the newest erasure; 0 where there is none."""
    row = connection.execute("SELECT coalesce(max(version), 0) FROM public.erasures").fetchone()
    return int(row[0]) if row else 0


def _lock(connection: Connection, lane: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_SPACE, lane]).fetchone()
    return bool(row and row[0])
