"""What runs have done, all together, and when the last one was: for metrics and for `prelude doctor`. A reader's rights suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Figures", "figures"]

_FIGURES: Final = """
SELECT coalesce(sum(rows_removed), 0)::bigint, coalesce(sum(columns_erased), 0)::bigint, coalesce(sum(partitions_dropped), 0)::bigint,
    count(*) FILTER (WHERE failure IS NOT NULL), count(*),
    max(started_at), max(started_at) FILTER (WHERE ended_at IS NOT NULL AND failure IS NULL),
    (array_agg(failure ORDER BY id DESC) FILTER (WHERE ended_at IS NOT NULL))[1],
    (SELECT count(*) FROM public.retention_policies), (SELECT min(set_at) FROM public.retention_policies), now()
FROM public.retention_runs
"""


class Figures(NamedTuple):
    """What was found.

    Args:
        rows: that went, partitions among them.
        columns: rows that lost the columns of a class.
        partitions: that were dropped.
        failures: runs that did not do all.
        runs: all of them.
        last_begun: when the last run began.
        last_done: when the last run began that did all.
        failure: why the last run did not do all; None: it did, or there was none.
        policies: how many there are.
        policies_since: when the first of them was set.
        now: by the database's clock.
    """

    rows: int
    columns: int
    partitions: int
    failures: int
    runs: int
    last_begun: datetime | None
    last_done: datetime | None
    failure: str | None
    policies: int
    policies_since: datetime | None
    now: datetime


def figures(connection: Connection) -> Figures:
    """Ask."""
    row = connection.execute(_FIGURES).fetchone()
    assert row is not None  # noqa: S101 (an aggregate)
    return Figures(*row)
