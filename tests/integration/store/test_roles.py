"""Each verb under its role: what it needs works, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from prelude_store.rights import may_write
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import TestServer

LOG, EVENT = "user_activity_logs", "gen_random_uuid()"

ALLOWED = {
    "writer": [
        f'SELECT "timestamp", event_id, content_hash, duration_ms FROM {LOG}',
        f"UPDATE {LOG} SET duration_ms = 1 WHERE duration_ms IS NULL",
        "SELECT lane, last_seq FROM ingest_lanes",
        "UPDATE ingest_lanes SET last_seq = last_seq + 1",
        "SELECT prelude_ensure_partition(now() - interval '50 weeks')",
        f'INSERT INTO activity_amendments (lane, lane_seq, event_id, "timestamp", duration_ms) VALUES (1, 10, {EVENT}, now(), 1)',
        "DELETE FROM span_joins",
        "INSERT INTO activity_quarantine (signal, reason, detail, payload, payload_hash) VALUES ('logs', 'r', 'd', '', '\\x01')",
        f"INSERT INTO activity_probes (probe_id, sent_at) VALUES ({EVENT}, now())",
        "SELECT landed_at FROM activity_probes",
        f"SELECT lane, lane_seq, trace_id, span_id FROM {LOG}",
        "SELECT prelude_expire_quarantine(interval '90 days', 100)",
        f"INSERT INTO id_sweep_untimed VALUES ({EVENT}, now())",
        f"INSERT INTO repeated_event_ids (event_id, \"timestamp\", other_timestamp) VALUES ({EVENT}, now(), now() + interval '1 s')",
        "SELECT max(version) FROM prelude_migrations",
        "SELECT person, until, version FROM erasures",
    ],
    "reader": [
        f"SELECT * FROM {LOG}",
        "SELECT * FROM ingest_lanes",
        "SELECT * FROM activity_amendments",
        "SELECT * FROM user_profiles",
        "SELECT * FROM user_session_summaries",
        "SELECT * FROM activity_probes",
        "SELECT * FROM repeated_event_ids",
        "SELECT * FROM activity_rollups, rollup_cursors, rollup_state, superseded_rows",
        "SELECT max(version) FROM prelude_migrations",
        "SELECT * FROM governance_acts",
        "SELECT row_lane, row_seq, kind, class FROM activity_changes",
        "SELECT * FROM seal_checkpoints, seal_state, seal_cursors, seal_keys",
    ],
    "governor": [
        f"SELECT * FROM {LOG}",
        f"UPDATE {LOG} SET user_email = NULL",
        f"DELETE FROM {LOG}",
        "DELETE FROM activity_quarantine",
        "UPDATE activity_quarantine SET replayed_at = now()",
        "INSERT INTO user_profiles (email) VALUES ('a@b.c')",
        "DELETE FROM user_session_summaries",
        "DELETE FROM span_joins",
        "INSERT INTO governance_acts (lane, lane_seq, kind, actor) VALUES (1, 10, 'hold', 'me')",
        "SELECT * FROM activity_changes",
        "SELECT * FROM prelude_release('{}', '{}', '{}', '{}', 'person')",
        "UPDATE ingest_lanes SET last_seq = last_seq + 1",
        "INSERT INTO ingest_lanes (lane) VALUES (99)",
        "SELECT key FROM governance_keys",
        "INSERT INTO erasures (person, until) VALUES (sha256('a'), now())",
        "SELECT * FROM erasure_runs, prelude_naming_entries('{%a%}')",
        "UPDATE user_rollups SET success = 0",
        "INSERT INTO rollup_rebuild (part, day) VALUES ('rollups', now())",
        "UPDATE analytics_tokens SET user_email = NULL, name = NULL, revoked_at = now()",
        "DELETE FROM analytics_sessions",
        "UPDATE timeline_users SET user_email = 'b'",
    ],
    "sealer": [
        f"SELECT * FROM {LOG}",
        "SELECT * FROM ingest_lanes",
        "SELECT * FROM activity_amendments, activity_changes, governance_acts",
        "SELECT * FROM seal_blocks, seal_keys, seal_state",
        "INSERT INTO seal_tiles (level, tile, hashes) VALUES (1, 0, sha256(''))",
        "UPDATE seal_tiles SET hashes = hashes || hashes",
        "UPDATE seal_state SET size = 1",
        "UPDATE seal_checkpoints SET note = ''",
        "DELETE FROM seal_checkpoints",
        "INSERT INTO seal_keys (vkey, since_size) VALUES ('a', 1)",
    ],
    "keeper": [
        f"SELECT * FROM {LOG}",
        "UPDATE rollup_state SET as_of = now()",
        "DELETE FROM activity_rollups",
        "INSERT INTO rollup_cursors (lane, seq) VALUES (1, 1)",
        "DELETE FROM user_session_summaries",
        "CREATE TEMP TABLE mine (a int)",
    ],
}

FORBIDDEN = {
    "writer": [
        f"SELECT action_data FROM {LOG}",
        f"SELECT user_email FROM {LOG}",
        f"SELECT * FROM {LOG}",
        f"UPDATE {LOG} SET user_email = 'somebody@else.com'",
        f"UPDATE {LOG} SET result_status = 'success'",
        f'UPDATE {LOG} SET "timestamp" = now()',
        f"DELETE FROM {LOG}",
        f"TRUNCATE {LOG}",
        f"INSERT INTO {LOG} (id) VALUES (1)",
        f"INSERT INTO {LOG} (created_at) VALUES (now())",
        "SELECT payload FROM activity_quarantine",
        "SELECT detail FROM activity_quarantine",
        "DELETE FROM activity_quarantine",
        "DELETE FROM repeated_event_ids",
        "DELETE FROM id_sweep_untimed",
        "UPDATE activity_quarantine SET replayed_at = now()",
        "UPDATE activity_quarantine SET reason = 'nothing'",
        "TRUNCATE activity_quarantine",
        "SELECT duration_ms FROM activity_amendments",
        "DELETE FROM activity_amendments",
        "DELETE FROM activity_probes",
        "UPDATE activity_probes SET service_name = 'other'",
        "SELECT * FROM user_session_summaries",
        "UPDATE ingest_lanes SET lane = 9",
        "TRUNCATE span_joins",
        "DROP TABLE span_joins",
        f"ALTER TABLE {LOG} ADD COLUMN a int",
        f"CREATE INDEX ON {LOG} (user_email)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE prelude_owner",
        "SET ROLE prelude_governor",
        "UPDATE activity_amendments SET duration_ms = 1",
        "SELECT * FROM user_profiles",
        "INSERT INTO user_profiles (email) VALUES ('a@b.c')",
        "DELETE FROM ingest_lanes",
        "CREATE TABLE mine (a int)",
        "INSERT INTO prelude_migrations (version, name) VALUES (9999, 'x')",
        "DELETE FROM erasures",
        "UPDATE erasures SET until = '-infinity'",
        "SELECT * FROM erasure_runs",
        "SELECT * FROM prelude_naming_entries('{%a%}')",
    ],
    "reader": [
        f"DELETE FROM {LOG}",
        f"UPDATE {LOG} SET duration_ms = 1",
        f"INSERT INTO {LOG} (event_id) VALUES ({EVENT})",
        "UPDATE ingest_lanes SET last_seq = 0",
        "SELECT * FROM activity_quarantine",
        "SELECT * FROM span_joins",
        "INSERT INTO user_profiles (email) VALUES ('a@b.c')",
        "SELECT prelude_ensure_partition(now())",
        "SELECT prelude_expire_quarantine(interval '90 days', 100)",
        "UPDATE id_sweep_cursors SET swept_seq = 0",
        "UPDATE rollup_cursors SET seq = 0",
        "DELETE FROM user_session_summaries",
        "SELECT salt FROM activity_changes",
        "SELECT salts FROM seal_blocks",
        "SELECT key FROM governance_keys",
        "INSERT INTO governance_acts (lane, lane_seq, kind, actor) VALUES (1, 10, 'hold', 'me')",
        "SELECT * FROM prelude_release('{}', '{}', '{}', '{}', 'person')",
    ],
    "governor": [
        f"INSERT INTO {LOG} (event_id) VALUES ({EVENT})",
        "UPDATE ingest_lanes SET lane = 9",
        "DELETE FROM ingest_lanes",
        "SELECT prelude_ensure_partition(now())",
        f"DROP TABLE {LOG}",
        "UPDATE governance_acts SET reason = 'other'",
        "DELETE FROM governance_acts",
        "INSERT INTO governance_acts (lane, lane_seq, kind, actor, at) VALUES (1, 10, 'hold', 'me', '2020-01-01')",
        "UPDATE activity_changes SET salt = NULL",
        "DELETE FROM activity_changes",
        "UPDATE governance_keys SET key = key",
        "SELECT * FROM seal_blocks",
        "UPDATE seal_blocks SET salts = ''",
        "UPDATE seal_state SET size = 0",
        "DELETE FROM seal_checkpoints",
    ],
    "sealer": [
        f"INSERT INTO {LOG} (event_id) VALUES ({EVENT})",
        f"UPDATE {LOG} SET duration_ms = 1",
        f"DELETE FROM {LOG}",
        "UPDATE ingest_lanes SET last_seq = 0",
        "SELECT * FROM activity_quarantine",
        "SELECT * FROM user_profiles",
        "UPDATE seal_blocks SET salts = ''",
        "DELETE FROM seal_blocks",
        "DELETE FROM seal_tiles",
        "UPDATE seal_checkpoints SET root = ''",
        "UPDATE seal_keys SET vkey = 'b'",
        "DELETE FROM seal_keys",
        "INSERT INTO governance_acts (lane, lane_seq, kind, actor) VALUES (1, 10, 'drop', 'me')",
        "UPDATE activity_changes SET salt = NULL",
        "SELECT * FROM prelude_release('{}', '{}', '{}', '{}', 'person')",
        "SELECT key FROM governance_keys",
    ],
    "keeper": [
        f"INSERT INTO {LOG} (event_id) VALUES ({EVENT})",
        f"UPDATE {LOG} SET duration_ms = 1",
        f"DELETE FROM {LOG}",
        "UPDATE ingest_lanes SET last_seq = 0",
        "DELETE FROM activity_amendments",
        "SELECT * FROM activity_quarantine",
        "SELECT * FROM user_profiles",
        "SELECT * FROM span_joins",
        "DELETE FROM rollup_state",
        "TRUNCATE activity_rollups",
        "CREATE TABLE mine (a int)",
    ],
}


def _cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(role, statement) for role, statements in table.items() for statement in statements]


@pytest.fixture(scope="module")
def filled(postgres: TestServer) -> Iterator[str]:
    """One database for all of these tests: each ends in a rollback."""
    url = postgres.create_database()
    writer = Writer(as_role(url, "writer"))
    writer.write(Batch(rows=[make_row(), make_row(duration_ms=None)]))
    writer.close()
    yield url
    postgres.drop_database(url)


@pytest.mark.parametrize(("role", "statement"), _cases(ALLOWED))
def test_a_role_may_do_what_it_is_for(filled: str, role: str, statement: str) -> None:
    with psycopg.connect(as_role(filled, role)) as connection:
        connection.execute(statement.encode())
        connection.rollback()


@pytest.mark.parametrize(("role", "statement"), _cases(FORBIDDEN))
def test_a_role_may_do_nothing_else(filled: str, role: str, statement: str) -> None:
    with psycopg.connect(as_role(filled, role)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
        connection.rollback()


def test_the_exporter_reads_and_changes_of_a_row_just_what_duplicates_join_and_sweep_need(filled: str) -> None:
    with psycopg.connect(as_role(filled, "writer")) as connection:
        rights = connection.execute(
            "SELECT attname, has_column_privilege(attrelid, attname, 'SELECT'), has_column_privilege(attrelid, attname, 'UPDATE'),"
            " has_column_privilege(attrelid, attname, 'INSERT') FROM pg_attribute"
            f" WHERE attrelid = '{LOG}'::regclass AND attnum > 0 AND NOT attisdropped".encode()
        ).fetchall()
    assert len(rights) > 25
    assert {name for name, read, _, _ in rights if read} == {
        *("timestamp", "event_id", "content_hash", "duration_ms"),  # a resend
        *("trace_id", "span_id"),  # the join
        *("lane", "lane_seq"),  # the sweep
    }
    assert {name for name, _, change, _ in rights if change} == {"duration_ms"}
    assert {name for name, _, _, insert in rights if not insert} == {"id", "created_at"}


@pytest.mark.parametrize("role", ["writer", "reader", "governor", "sealer", "keeper"])
def test_no_role_reaches_a_partition_past_its_table(filled: str, role: str) -> None:
    with psycopg.connect(as_role(filled, role), autocommit=True) as connection:
        row = connection.execute("SELECT min(inhrelid::regclass::text) FROM pg_inherits").fetchone()
        assert row is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT action_data FROM {row[0]}".encode())


def test_the_roles_have_no_login_and_no_power_over_the_server(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        powers = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb)",
            [[f"prelude_{role}" for role in ("owner", "writer", "reader", "governor", "sealer", "keeper")]],
        ).fetchall()
    assert powers == []


@pytest.mark.parametrize(("role", "may"), [("writer", True), ("owner", True), ("reader", False), ("governor", False)])
def test_who_may_write_is_known_beforehand(filled: str, role: str, may: bool) -> None:
    with psycopg.connect(as_role(filled, role)) as connection:
        assert may_write(connection) is may
        connection.execute("SET transaction_read_only = on")
        assert may_write(connection) is False


def test_not_even_the_writer_makes_away_with_what_came_this_week(filled: str) -> None:
    with psycopg.connect(as_role(filled, "writer")) as connection:
        for keep in ("6 days", "-1 day"):
            with pytest.raises(psycopg.errors.InvalidParameterValue, match="7 days at least"):
                connection.execute("SELECT prelude_expire_quarantine(%s, 100)", [keep])
            connection.rollback()
