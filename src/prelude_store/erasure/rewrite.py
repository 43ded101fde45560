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
_TRIES: Final = 400
_PATIENCE: Final = "40ms"
"""That the exchange waits for its lock, and whoever writes behind it."""
_PAUSE: Final = 0.15

_BOUNDS: Final = """
SELECT pg_get_expr(relpartbound, oid), pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.' || quote_ident(%s))
"""
_SEQS: Final = "SELECT lane, last_seq FROM public.ingest_lanes"
_NEWER: Final = "unnest(%(lanes)s::integer[], %(seqs)s::bigint[])"
# Rows above the places; a lane that began since is there with all of its rows.
_NEW_ROWS: Final = f"""
INSERT INTO public.{{new}} SELECT log.* FROM public.{{old}} AS log
LEFT JOIN {_NEWER} AS copied (lane, seq) ON copied.lane = log.lane WHERE log.lane_seq > coalesce(copied.seq, 0)
ON CONFLICT DO NOTHING
"""  # noqa: S608 (constants)
_TOUCHED: Final = f"""
WITH touched AS (
    SELECT event_id, "timestamp" FROM public.activity_amendments AS told LEFT JOIN {_NEWER} AS copied (lane, seq) USING (lane)
    WHERE told.lane_seq > coalesce(copied.seq, 0)
    UNION
    SELECT event_id, "timestamp" FROM public.activity_changes AS told LEFT JOIN {_NEWER} AS copied (lane, seq) USING (lane)
    WHERE told.lane_seq > coalesce(copied.seq, 0)
)
DELETE FROM public.{{new}} AS log USING touched WHERE log.event_id = touched.event_id AND log."timestamp" = touched."timestamp"
RETURNING log.event_id, log."timestamp"
"""  # noqa: S608
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
        "owner": sql.Identifier(owner),
    }

    def run(statement: str, values: Any = None) -> psycopg.Cursor[tuple[Any, ...]]:
        return connection.execute(sql.SQL(statement).format(**names), values)

    run("DROP TABLE IF EXISTS public.{new}")
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


def _insist(connection: Connection, run: Run, bound: str, places: dict[str, list[int]]) -> None:
    for attempt in range(_TRIES):
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


def _exchange(run: Run, bound: str, places: dict[str, list[int]]) -> None:
    run("LOCK TABLE public.user_activity_logs IN ACCESS EXCLUSIVE MODE")
    run(_NEW_ROWS, places)
    touched = run(_TOUCHED, places).fetchall()
    run(_AGAIN, [[one for one, _ in touched], [at for _, at in touched]])
    run("ALTER TABLE public.user_activity_logs DETACH PARTITION public.{old}")
    run("DROP TABLE public.{old}")
    run("ALTER TABLE public.{new} RENAME TO {old}")
    run(f"ALTER TABLE public.user_activity_logs ATTACH PARTITION public.{{old}} {bound}")
    run("ALTER TABLE public.{old} DROP CONSTRAINT in_bounds")


def _moments(bound: str) -> tuple[str, str]:
    """Both moments of ``FOR VALUES FROM ('…') TO ('…')``."""
    _, starts, _, ends, _ = bound.split("'")
    return starts, ends
