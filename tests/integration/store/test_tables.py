"""Profiles find their rows whatever was typed; what reads need has its index."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from prelude_otel.contract.email import normalise_email
from prelude_store.writer import Batch, Writer
from tests.support.rows import make_row

Connection = psycopg.Connection[tuple[Any, ...]]

ALL_SPACES = "".join(character for character in map(chr, range(0x110000)) if character.isspace())


@pytest.mark.parametrize(
    "typed",
    [
        "User@Company.com",
        "  user@company.com\t",
        "JOSÉ@exa\u006d\u0301ple.com",
        "\u00a0x@y.z\n",
        ALL_SPACES + "x@y.z" + ALL_SPACES,
    ],
)
def test_a_profile_is_kept_under_the_address_that_rows_have(superuser: Connection, typed: str) -> None:
    superuser.execute("INSERT INTO user_profiles (email, name, role) VALUES (%s, 'User Name', 'admin')", [typed])
    assert superuser.execute("SELECT email FROM user_profiles").fetchall() == [(normalise_email(typed),)]


def test_an_address_typed_differently_is_the_same_profile(superuser: Connection) -> None:
    superuser.execute("INSERT INTO user_profiles (email) VALUES ('user@company.com')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        superuser.execute("INSERT INTO user_profiles (email) VALUES (' USER@company.com')")


def test_a_profile_needs_an_address(superuser: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute("INSERT INTO user_profiles (email) VALUES ('  ')")


def test_an_activity_of_an_unknown_user_lands_and_a_profile_may_come_later(
    writer: Writer, superuser: Connection
) -> None:
    writer.write(Batch(rows=[make_row(user_email="new@company.com")]))
    superuser.execute("INSERT INTO user_profiles (email, name, role) VALUES ('New@Company.com', 'New', 'sales')")
    joined = superuser.execute(
        "SELECT name FROM user_activity_logs JOIN user_profiles ON email = user_email"
    ).fetchall()
    assert joined == [("New",)]


def test_two_users_may_have_the_same_session_id(superuser: Connection) -> None:
    for user in ("a@b.c", "d@e.f"):
        superuser.execute(
            "INSERT INTO user_session_summaries (session_id, user_email, started_at, ended_at, duration_ms,"
            " activity_count, error_count, first_page, last_page) VALUES ('s', %s, now(), now(), 0, 1, 0, '/a', '/b')",
            [user],
        )


INDEXED = {
    "user_activity_logs_user_idx": "user_email = 'a@b.c' ORDER BY timestamp DESC LIMIT 50",
    "user_activity_logs_action_idx": (
        "action_type = 'crm' AND action_name = 'send_email' AND timestamp > '2020-01-01' ORDER BY timestamp DESC"
    ),
    "user_activity_logs_entity_idx": "entity_type = 'deal' AND entity_id = '7' ORDER BY timestamp DESC LIMIT 50",
    "user_activity_logs_lane_idx": "lane = 1 AND lane_seq > 10 AND lane_seq <= 20 ORDER BY lane_seq",
    "user_activity_logs_pkey": "timestamp < now() ORDER BY timestamp DESC, event_id DESC LIMIT 50",
}


@pytest.mark.parametrize(("index", "question"), INDEXED.items())
def test_what_reads_ask_is_answered_by_an_index(
    writer: Writer, superuser: Connection, index: str, question: str
) -> None:
    writer.write(Batch(rows=[make_row()]))
    superuser.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
    plan = superuser.execute(
        f"EXPLAIN (FORMAT JSON) SELECT * FROM user_activity_logs WHERE {question}".encode()
    ).fetchone()
    assert plan is not None
    (used,) = superuser.execute(
        "SELECT parent.relname::text FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent"
        " JOIN pg_class AS child ON child.oid = inhrelid WHERE child.relname = %s",
        [_index_name(plan[0][0]["Plan"])],
    )
    assert used == (index,)


def _index_name(plan: dict[str, Any]) -> str:
    name = plan.get("Index Name")
    return str(name) if name else _index_name(plan["Plans"][0])
