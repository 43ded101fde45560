"""From the lengths among ``prelude_arrived`` to the sketches of `sketch`: counted once, for the table by actions and the one over everything.

Each kind of row has a number for as long as this takes, so that what is grouped and sorted most is whole numbers.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ADDING", "MAKE"]

MAKE: Final = (
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_kinds (
    kind integer, action_type text, action_name text, service_name text, result_status text
) ON COMMIT DELETE ROWS
""",
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_sketches (
    kind integer, grain smallint, bucket timestamptz, marks smallint[], counts bigint[]
) ON COMMIT DELETE ROWS
""",
)

_KEYS: Final = "action_type, action_name, service_name, result_status"
_KINDS: Final = f"""
INSERT INTO pg_temp.prelude_kinds SELECT row_number() OVER (), * FROM (
    SELECT DISTINCT {_KEYS} FROM pg_temp.prelude_arrived WHERE lengths <> 0
) AS kinds
"""  # noqa: S608 (constants)
_SUM: Final = "sum(n::integer) AS n"
_SKETCH: Final = "bucket, array_agg(mark ORDER BY mark), array_agg(n ORDER BY mark)"
# Kind 0 is everything.
_SKETCHES: Final = f"""
WITH by_kind AS (
    SELECT kind, bucket, public.prelude_mark(duration_ms) AS mark, sum(lengths) AS n
    FROM pg_temp.prelude_arrived JOIN pg_temp.prelude_kinds USING ({_KEYS}) WHERE lengths <> 0 GROUP BY 1, 2, 3
), of_15 AS MATERIALIZED (
    SELECT * FROM by_kind UNION ALL SELECT 0, bucket, mark, {_SUM} FROM by_kind GROUP BY bucket, mark
), of_60 AS MATERIALIZED (
    SELECT kind, date_bin('1 hour', bucket, 'epoch') AS bucket, mark, {_SUM} FROM of_15 GROUP BY 1, 2, 3
), of_1440 AS (
    SELECT kind, date_bin('1 day', bucket, 'epoch') AS bucket, mark, {_SUM} FROM of_60 GROUP BY 1, 2, 3
)
INSERT INTO pg_temp.prelude_sketches
{
    " UNION ALL ".join(
        f"SELECT kind, {grain}, {_SKETCH} FROM of_{grain} WHERE n <> 0 GROUP BY kind, bucket"
        for grain in (15, 60, 1440)
    )
}
"""  # noqa: S608 (constants)
_MERGE: Final = """
(marks, counts) = (
    SELECT coalesce(array_agg(mark ORDER BY mark), '{}'), coalesce(array_agg(n ORDER BY mark), '{}') FROM (
        SELECT mark, sum(n)::bigint AS n FROM (
            SELECT * FROM unnest(known.marks, known.counts) UNION ALL SELECT * FROM unnest(excluded.marks, excluded.counts)
        ) AS both_of (mark, n) GROUP BY mark HAVING sum(n) <> 0
    ) AS merged
)
"""
_BY_ACTION: Final = f"""
INSERT INTO {{to}}.latency_rollups AS known (grain, bucket, {_KEYS}, marks, counts)
SELECT grain, bucket, {_KEYS}, marks, counts FROM pg_temp.prelude_sketches JOIN pg_temp.prelude_kinds USING (kind)
ON CONFLICT (grain, bucket, {_KEYS}) DO UPDATE SET {_MERGE}
"""  # noqa: S608 (constants)
_OVER_EVERYTHING: Final = f"""
INSERT INTO {{to}}.latency_totals AS known (grain, bucket, marks, counts)
SELECT grain, bucket, marks, counts FROM pg_temp.prelude_sketches WHERE kind = 0
ON CONFLICT (grain, bucket) DO UPDATE SET {_MERGE}
"""  # noqa: S608 (constants)

ADDING: Final = (_KINDS, _SKETCHES, _BY_ACTION, _OVER_EVERYTHING)
"""Statements, one after the other, that add the lengths among ``prelude_arrived`` to the tables in the schema ``{to}``.

The temporary tables are empty before: they are emptied at the end of each transaction, or by who adds more than once in one.
"""
