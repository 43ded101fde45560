"""Whatever comes in whatever order, in passes of any size: what is kept is what plain Python counts from raw rows at the watermark."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelude_store.connection import Connection
from prelude_store.rollups import building, passes
from prelude_store.rollups.state import state
from prelude_store.writer import Batch, Writer
from tests.oracle.kept import kept, rows_at, stored
from tests.support.histories import history
from tests.support.oracle_cases import how_many

CASES = how_many(25)
TABLES = (
    "user_activity_logs, ingest_lanes, activity_amendments, span_joins, activity_rollups, latency_rollups, latency_totals,"
    " user_rollups, customer_rollups, email_rollups, deal_value_rollups, rollup_days, rollup_cursors, rollup_rebuild, superseded_rows,"
    " pending_rows, user_session_summaries, activity_quarantine"
)
GAPS = (timedelta(minutes=30), timedelta(minutes=15), timedelta(minutes=1))

Superuser = psycopg.Connection[tuple[Any, ...]]


def compare(superuser: Superuser) -> None:
    now = state(superuser)
    expected, found = kept(rows_at(superuser, now.cursors), now.session_gap), stored(superuser)
    for table, rows in expected.items():
        assert found[table] == rows, table


def clear(superuser: Superuser, writers: tuple[Writer, Writer]) -> None:
    for writer in writers:
        writer.close()
    superuser.execute(f"TRUNCATE {TABLES}".encode())


@settings(max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), gap=st.sampled_from(GAPS))
def test_what_is_kept_is_what_is_counted(
    superuser: Superuser, keeping: Connection, writers: tuple[Writer, Writer], seed: int, size: int, gap: timedelta
) -> None:
    pick = Random(seed)
    clear(superuser, writers)
    superuser.execute("UPDATE rollup_state SET session_gap = %s, as_of = NULL", [gap])
    rows, spans = history(pick, size)
    arriving = [*rows, *spans]
    pick.shuffle(arriving)
    while arriving:
        now = [arriving.pop() for _ in range(min(len(arriving), pick.choice([1, 2, 5, 20])))]
        batch = Batch(rows=[one for one in now if one in rows], spans=[one for one in now if one in spans])
        pick.choice(writers).write(batch)
        if pick.random() < 0.5:
            passes.carry_out(keeping, portion=pick.choice([1, 3, 10, 100]))
            if pick.random() < 0.3:
                compare(superuser)
    while passes.carry_out(keeping, portion=pick.choice([2, 7, 100])).places:
        pass
    compare(superuser)
    building.begin(keeping)
    while building.build_next(keeping):
        pass
    assert state(keeping).to_build == 0
    compare(superuser)
