"""A partition in which rows land is rewritten beside it and exchanged: who writes waits for the exchange, not for the rewriting.

What committed while the copy was made is found by its place in the lanes: new rows, lengths that came later, changes by acts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from prelude_otel.errors import StoreError

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["rewrite"]

Run = Callable[..., psycopg.Cursor[tuple[Any, ...]]]
Places = dict[str, list[int]]
"""How far the lanes have been copied."""
_ROUNDS: Final = 20
_LITTLE: Final = 0.01
"""Seconds that catching up may take within the exchange."""
_TRIES: Final = 400
_PATIENCE: Final = "30ms"
"""That the exchange waits for its lock, and whoever writes behind it."""
_PAUSE: Final = 0.15

_BOUNDS: Final = """
SELECT pg_get_expr(relpartbound, oid), pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.' || quote_ident(%s))
"""
_SEQS: Final = "SELECT lane, last_seq FROM public.ingest_lanes"
# By lane, so that each is a look into an index: a lane that began since is there with all of its rows.
_PLACES: Final = """
FROM (
    SELECT lane, coalesce(copied.seq, 0) AS seq FROM public.ingest_lanes
    LEFT JOIN unnest(%(lanes)s::integer[], %(seqs)s::bigint[]) AS copied (lane, seq) USING (lane)
) AS place CROSS JOIN LATERAL (
    SELECT * FROM public.{of} AS told WHERE told.lane = place.lane AND told.lane_seq > place.seq OFFSET 0
) AS newer
"""
_NEW_ROWS: Final = (
    f"INSERT INTO public.{{new}} SELECT newer.* {_PLACES.replace('{of}', '{old}')} ON CONFLICT DO NOTHING"
)
_TOUCHED: Final = f"""
WITH touched AS (
    SELECT newer.event_id, newer."timestamp" {_PLACES.replace("{of}", "activity_amendments")}
    UNION
    SELECT newer.event_id, newer."timestamp" {_PLACES.replace("{of}", "activity_changes")}
)
DELETE FROM public.{{new}} AS log USING touched WHERE log.event_id = touched.event_id AND log."timestamp" = touched."timestamp"
RETURNING log.event_id, log."timestamp"
"""  # noqa: S608 (constants)
_AGAIN: Final = """
INSERT INTO public.{new} SELECT log.* FROM public.{old} AS log, unnest(%s::uuid[], %s::timestamptz[]) AS touched (id, moment)
WHERE log.event_id = touched.id AND log."timestamp" = touched.moment
"""


def rewrite(connection: Connection, partition: str) -> None:
    """Put a fresh copy of `partition` in its place.

    Args:
        connection: of a superuser or the owner of the log, in autocommit mode.

    Raises:
        StoreError: it is in use all the time, so that it could not be exchanged.
    """
    bound, owner = connection.execute(_BOUNDS, [partition]).fetchone() or ("", "")
    names = {
        "old": sql.Identifier(partition),
        "new": sql.Identifier(f"{partition}_new"),
        "gone": sql.Identifier(f"{partition}_gone"),
        "owner": sql.Identifier(owner),
    }

    def run(statement: str, values: Any = None) -> psycopg.Cursor[tuple[Any, ...]]:
        return connection.execute(sql.SQL(statement).format(**names), values)

    run("DROP TABLE IF EXISTS public.{new}, public.{gone}")  # of one that was ended there
    run(
        "CREATE TABLE public.{new} (LIKE public.{old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING INDEXES)"
    )
    try:
        seqs: dict[int, int] = dict(connection.execute(_SEQS).fetchall())
        run("INSERT INTO public.{new} SELECT * FROM public.{old}")
        run("ALTER TABLE public.{new} OWNER TO {owner}")
        # Proves the bounds beforehand, so that the exchange need not read all rows.
        starts, ends = _moments(bound)
        run(
            f"ALTER TABLE public.{{new}} ADD CONSTRAINT in_bounds CHECK (\"timestamp\" >= '{starts}' AND \"timestamp\" < '{ends}')"
        )
        run("ANALYZE public.{new}")
        _insist(connection, run, bound, {"lanes": list(seqs), "seqs": list(seqs.values())})
    except BaseException:
        run("DROP TABLE IF EXISTS public.{new}")
        raise
    run("DROP TABLE public.{gone}")


def _caught_up(connection: Connection, run: Run, places: Places) -> Places:
    """Copy what committed while the copy was made, until there is little left for the exchange; gives how far it came."""
    for _ in range(_ROUNDS):
        began = time.monotonic()
        seqs: dict[int, int] = dict(connection.execute(_SEQS).fetchall())
        with connection.transaction():
            _catch_up(run, places)
        places = {"lanes": list(seqs), "seqs": list(seqs.values())}
        if time.monotonic() - began < _LITTLE:
            break
    return places


def _catch_up(run: Run, places: Places) -> None:
    run(_NEW_ROWS, places)
    touched = run(_TOUCHED, places).fetchall()
    run(_AGAIN, [[one for one, _ in touched], [at for _, at in touched]])


def _insist(connection: Connection, run: Run, bound: str, places: Places) -> None:
    for attempt in range(_TRIES):
        places = _caught_up(connection, run, places)
        try:
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
                _exchange(run, bound, places)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == _TRIES - 1:
                raise StoreError(
                    "the newest partition is in use all the time and was not rewritten; what was erased is erased. Run the same"
                    " command again with --scrub at a quieter time"
                ) from None
            time.sleep(_PAUSE)
        else:
            return


def _exchange(run: Run, bound: str, places: Places) -> None:
    run("LOCK TABLE public.user_activity_logs IN ACCESS EXCLUSIVE MODE")
    _catch_up(run, places)
    run("ALTER TABLE public.user_activity_logs DETACH PARTITION public.{old}")
    # Dropped afterwards: its files are deleted while its locks are held.
    run("ALTER TABLE public.{old} RENAME TO {gone}")
    run("ALTER TABLE public.{new} RENAME TO {old}")
    run(f"ALTER TABLE public.user_activity_logs ATTACH PARTITION public.{{old}} {bound}")
    run("ALTER TABLE public.{old} DROP CONSTRAINT in_bounds")


def _moments(bound: str) -> tuple[str, str]:
    """Both moments of ``FOR VALUES FROM ('…') TO ('…')``."""
    _, starts, _, ends, _ = bound.split("'")
    return starts, ends
