"""Whatever happened in whatever order: after an erasure nothing names the person, everybody else's rows are what they were, and what is
counted is what plain Python counts from the rows that are left."""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prelude_store.connection import Connection
from prelude_store.erasure.asked import load
from prelude_store.mentions.address import Address
from prelude_store.rollups import building, passes
from prelude_store.rollups.state import state
from prelude_store.rollups.verify import verify
from prelude_store.row import Quarantined
from prelude_store.timeline.build import build_days
from prelude_store.timeline.follow import follow
from prelude_store.writer import Batch, Writer
from tests.integration.erasure.conftest import Erase
from tests.oracle.kept import kept, rows_at, stored
from tests.support.dump import Superuser, dump, rows_by_id
from tests.support.people import ADA, BOB, EVE, entries, people_history
from tests.support.postgres import as_role

CASES = int(os.environ.get("PRELUDE_ORACLE_CASES", "25"))
TABLES = (
    "user_activity_logs, ingest_lanes, activity_amendments, span_joins, activity_rollups, latency_rollups, latency_totals,"
    " user_rollups, customer_rollups, email_rollups, deal_value_rollups, rollup_days, rollup_cursors, rollup_rebuild, superseded_rows,"
    " pending_rows, user_session_summaries, activity_quarantine, timeline_users, timeline_actions, timeline_services, timeline_days,"
    " activity_days, timeline_cursors, timeline_pending, user_profiles, analytics_tokens, analytics_sessions, erasures, erasure_runs,"
    " governance_acts, activity_changes"
)


def clear(superuser: Superuser, writers: tuple[Writer, Writer]) -> None:
    for writer in writers:
        writer.close()
    superuser.execute(f"TRUNCATE {TABLES} CASCADE".encode())


def compare(superuser: Superuser) -> None:
    now = state(superuser)
    expected, found = kept(rows_at(superuser, now.cursors), now.session_gap), stored(superuser)
    for table, rows in expected.items():
        assert found[table] == rows, table


def catch_up(keeping: Connection, superuser: Superuser) -> None:
    while passes.carry_out(keeping).to_build or passes.carry_out(keeping).places:
        building.build_next(keeping)
    while follow(superuser):
        pass
    build_days(superuser, [day for (day,) in superuser.execute("SELECT day FROM timeline_days WHERE dirty").fetchall()])


def timeline(superuser: Superuser) -> list[tuple[object, ...]]:
    days = superuser.execute(
        "SELECT day, row_count, user_count, times FROM timeline_days WHERE row_count > 0 ORDER BY day"
    ).fetchall()
    return [(*row[:3], sorted(memoryview(row[3]).cast("q"))) for row in days]


def timeline_by_rows(superuser: Superuser) -> list[tuple[object, ...]]:
    return [
        (*row[:3], sorted(row[3]))
        for row in superuser.execute(
            "SELECT (\"timestamp\" AT TIME ZONE 'UTC')::date, count(*), count(DISTINCT user_email),"
            " array_agg((extract(epoch FROM \"timestamp\") * 1000000)::bigint) FROM user_activity_logs AS log WHERE user_email <> ''"
            " AND NOT (result_status = 'pending' AND EXISTS (SELECT FROM user_activity_logs AS other"
            " WHERE other.completes_event_id = log.event_id AND other.event_id <> log.event_id)) GROUP BY 1 ORDER BY 1"
        )
    ]


def people_beside_the_log(superuser: Superuser) -> None:
    for email in (ADA, BOB):
        superuser.execute("INSERT INTO user_profiles (email, name) VALUES (%s, %s)", [email, f"known as {email}"])
        superuser.execute(
            "INSERT INTO analytics_tokens (id, token_hash, role, user_email, name) VALUES (%s, %s, 'self', %s, %s)",
            [("a" if email == ADA else "b") * 10, os.urandom(32), email, f"laptop of {email}"],
        )


# Without shrinking: a smaller number makes another history, not a smaller one.
@settings(
    max_examples=CASES,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), renamed=st.sampled_from([None, None, BOB, EVE]))
def test_no_trace_is_left(
    database: str,
    superuser: Superuser,
    keeping: Connection,
    writers: tuple[Writer, Writer],
    erase: Erase,
    seed: int,
    size: int,
    renamed: str | None,
) -> None:
    pick = Random(seed)
    clear(superuser, writers)
    superuser.execute("UPDATE rollup_state SET as_of = NULL")
    people_beside_the_log(superuser)
    rows, spans = people_history(pick, size)
    if renamed is not None:  # what names a kind of thing is sealed as it is, and a renaming loses no row
        rows = [row._replace(page_route=None) if ADA in (row.page_route or "").lower() else row for row in rows]
    batches = []
    arriving = [*rows, *spans, *entries(pick, 3)]
    pick.shuffle(arriving)
    while arriving:
        now = [arriving.pop() for _ in range(min(len(arriving), pick.choice([1, 2, 5, 20])))]
        batches.append(Batch(
            rows=[one for one in now if one in rows], spans=[one for one in now if one in spans],
            quarantined=[one for one in now if isinstance(one, Quarantined)],
        ))  # fmt: skip
    late = len(batches) - pick.randint(0, min(3, len(batches)))
    for batch in batches[:late]:
        pick.choice(writers).write(batch)
        if pick.random() < 0.5:
            passes.carry_out(keeping, portion=pick.choice([1, 3, 10, 100]))
        if pick.random() < 0.2:
            follow(superuser)
            build_days(
                superuser, [day for (day,) in superuser.execute("SELECT day FROM timeline_days WHERE dirty").fetchall()]
            )
    before = rows_by_id(superuser)

    worked = erase(ADA, renamed)

    if worked.run is None:  # nobody of that name yet
        assert rows_by_id(superuser) == before
        assert ADA not in dump(superuser).lower()
        return
    if renamed is None:  # what is still on its way comes too late
        for batch in [*batches[late:], *pick.sample(batches, min(2, len(batches)))]:
            pick.choice(writers).write(batch)
    catch_up(keeping, superuser)
    assert ADA not in dump(superuser).lower()
    compare(superuser)
    assert verify(as_role(database, "keeper")).differences == []
    assert timeline(superuser) == timeline_by_rows(superuser)
    after, ada = rows_by_id(superuser), Address(ADA)
    for event_id, row in before.items():
        if not ada.mentioned(row):
            assert after[event_id] == row
    if renamed is None:
        assert load(superuser)
        gone = [row for row in rows if row.event_id in before and row.event_id not in after]
        assert all(ada.mentioned(row.page_route or "") for row in gone)
