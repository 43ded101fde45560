"""Acts and changes are entries of the log: with a place in the lanes, only ever added to, and without a word of what went."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import IsolationLevel

from prelude_otel.errors import StoreError
from prelude_store import lanes
from prelude_store.governance.acts import record_act, record_drop
from prelude_store.governance.changes import SEAL_LOCK, RowKey, changing
from prelude_store.governance.people import person_hash, person_key
from prelude_store.migrations import migrate
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from prelude_store.connection import Connection

ERASE = "UPDATE user_activity_logs SET user_email = NULL, session_id = NULL, content_hash = ''"


def keys(connection: Connection) -> list[RowKey]:
    found = connection.execute(
        'SELECT lane, lane_seq, event_id, "timestamp" FROM user_activity_logs ORDER BY lane, lane_seq'
    )
    return [RowKey(*row) for row in found]


def act(governor: Connection) -> tuple[int, int]:
    lane = lanes.claim(governor)
    with governor.transaction():
        return lane, record_act(governor, lane, "erase", "token-7", {"person": "ab12"}, "asked for")


def test_an_erasure_of_rows_is_an_act_and_a_change_of_each_in_the_order_of_commits(
    writer: Writer, governor: Connection, superuser: Connection
) -> None:
    writer.write(Batch(rows=[make_row() for _ in range(5)]))
    lane, number = act(governor)
    rows = keys(governor)
    with governor.transaction(), changing(governor, lane, number, "erased", "person", rows):
        assert governor.execute(ERASE).rowcount == 5
    told = superuser.execute(
        "SELECT lane, lane_seq, act_id, row_lane, row_seq, event_id, timestamp, kind, class, before, after, salt"
        " FROM activity_changes ORDER BY lane_seq"
    ).fetchall()
    assert [row[:2] for row in told] == [(lane, seq) for seq in range(2, 7)]  # 1 is the act
    assert [RowKey(*row[3:7]) for row in told] == rows
    assert {(row[2], *row[7:]) for row in told} == {(number, "erased", "person", None, None, None)}
    last = superuser.execute("SELECT last_seq FROM ingest_lanes WHERE lane = %s", [lane]).fetchone()
    assert last == (6,)


def test_a_new_value_is_told_by_a_commitment_that_its_salt_opens(
    writer: Writer, governor: Connection, superuser: Connection
) -> None:
    writer.write(Batch(rows=[make_row(session_id=None), make_row(session_id=None)]))
    lane, number = act(governor)
    with governor.transaction(), changing(governor, lane, number, "renamed", "person", keys(governor)):
        governor.execute("UPDATE user_activity_logs SET user_email = 'né@x.y', content_hash = ''")
    told = superuser.execute("SELECT after, salt FROM activity_changes").fetchall()
    for after, salt in told:
        text = '["né@x.y", null]'.encode()
        assert after == hashlib.sha256(salt + b"person\0" + text).digest()
    assert len({salt for _, salt in told}) == 2


def test_a_failed_change_leaves_nothing(writer: Writer, governor: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    lane, number = act(governor)
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        governor.transaction(),
        changing(governor, lane, number, "erased", "person", keys(governor)),
    ):
        governor.execute(f"{ERASE}, id = 1 / 0".encode())
    assert governor.execute("SELECT user_email, (SELECT count(*) FROM activity_changes) FROM user_activity_logs").fetchone() == (
        "user@company.com", 0,
    )  # fmt: skip


def test_a_row_that_was_to_get_a_new_value_and_is_gone_is_an_error(writer: Writer, governor: Connection) -> None:
    writer.write(Batch(rows=[make_row(), make_row()]))
    lane, number = act(governor)
    rows = keys(governor)
    governor.execute("DELETE FROM user_activity_logs WHERE event_id = %s", [rows[0].event_id])
    with (
        pytest.raises(StoreError, match="of 2 rows that were to be renamed, 1 are not in the log"),
        governor.transaction(),
        changing(governor, lane, number, "renamed", "person", rows),
    ):
        pass


def test_rows_change_only_where_the_order_of_seals_holds(writer: Writer, governor: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    lane, number = act(governor)
    rows = keys(governor)
    with (
        pytest.raises(StoreError, match="within a transaction"),
        changing(governor, lane, number, "removed", None, rows),
    ):
        pass
    governor.isolation_level = IsolationLevel.REPEATABLE_READ
    with (
        pytest.raises(StoreError, match="not of repeatable read"),
        governor.transaction(),
        changing(governor, lane, number, "removed", None, rows),
    ):
        pass


def test_while_rows_change_nobody_seals(writer: Writer, governor: Connection, superuser: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    lane, number = act(governor)
    free = "SELECT pg_try_advisory_xact_lock(%s)"
    with governor.transaction(), changing(governor, lane, number, "erased", "person", keys(governor)):
        governor.execute(ERASE)
        assert superuser.execute(free, [SEAL_LOCK]).fetchone() == (False,)
    assert superuser.execute(free, [SEAL_LOCK]).fetchone() == (True,)


def test_a_resend_of_what_was_changed_is_known_and_brings_nothing_back(
    database: str, writer: Writer, governor: Connection
) -> None:
    row = make_row()
    writer.write(Batch(rows=[row]))
    lane, number = act(governor)
    with governor.transaction(), changing(governor, lane, number, "erased", "person", keys(governor)):
        governor.execute(ERASE)
    for again in (row, row._replace(content_hash=bytes(16))):
        result = writer.write(Batch(rows=[again]))
        assert (result.inserted, result.duplicates, result.conflicts, result.quarantined) == (0, 1, 0, 0)
    assert governor.execute("SELECT user_email FROM user_activity_logs").fetchone() == (None,)


def test_a_drop_has_bounds_with_a_zone(governor: Connection) -> None:
    lane = lanes.claim(governor)
    with pytest.raises(ValueError, match="times with a zone"), governor.transaction():
        record_drop(governor, lane, "me", datetime(2026, 1, 5), datetime(2026, 1, 12))  # noqa: DTZ001
    with governor.transaction():
        record_drop(
            governor, lane, "me", datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC), partition="p1"
        )
    assert governor.execute("SELECT kind, detail FROM governance_acts").fetchall() == [
        ("drop", {"partition": "p1", "from": "2026-01-05T00:00:00+00:00", "to": "2026-01-12T00:00:00+00:00"})
    ]


def test_a_person_is_the_same_hash_however_the_address_is_typed_and_another_in_another_database(
    database: str, empty_database: str
) -> None:
    migrate(empty_database)
    hashes = []
    for url in (database, empty_database):
        with psycopg.connect(as_role(url, "writer")) as connection:
            key = person_key(connection)
        assert len(key) == 32
        assert person_hash(key, " A@B.c ") == person_hash(key, "a@b.C") != person_hash(key, "a@b.d")
        hashes.append(person_hash(key, "a@b.c"))
    assert hashes[0] != hashes[1]
    with pytest.raises(ValueError, match="no address"):
        person_hash(key, "  ")
