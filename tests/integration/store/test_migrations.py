"""The schema: applied once, in order, by one at a time, and refused where it is not ours to use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES
from prelude_otel.errors import SchemaError, StoreError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.copy_text import COPY_COLUMNS

if TYPE_CHECKING:
    from tests.support.postgres import TestServer


def test_an_empty_database_gets_every_migration_in_order(empty_database: str) -> None:
    told: list[str] = []
    applied = migrations.migrate(empty_database, told.append)
    assert applied == told == [migration.name for migration in migrations.migrations()]
    with psycopg.connect(empty_database) as connection:
        assert migrations.schema_version(connection) == len(applied)
        migrations.check(connection)


def test_migrating_again_changes_nothing(database: str) -> None:
    assert migrations.migrate(database) == []


def test_migrations_started_at_once_are_applied_once(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrations.migrate, [empty_database] * 4))
    assert sorted(map(len, applied)) == [0, 0, 0, len(migrations.migrations())]


def test_two_databases_of_one_server_are_migrated_at_once(postgres: TestServer) -> None:
    urls = [postgres.create_database(migrated=False) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(migrations.migrate, urls))
    for url in urls:
        postgres.drop_database(url)


def test_a_login_that_owns_the_database_and_may_create_roles_is_enough(postgres: TestServer) -> None:
    url = postgres.create_database(migrated=False)
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        if connection.info.server_version < 160000:
            pytest.skip("before 16, CREATEROLE alone can't take a role that a superuser made")
        connection.execute("DROP ROLE IF EXISTS prelude_test_migrator")
        connection.execute("CREATE ROLE prelude_test_migrator LOGIN CREATEROLE")
        connection.execute("GRANT prelude_owner TO prelude_test_migrator")
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO prelude_test_migrator").format(sql.Identifier(name)))
    assert migrations.migrate(postgres.url_for(name, "prelude_test_migrator"))
    postgres.drop_database(url)


def test_an_unmigrated_database_is_refused_with_the_command_that_mends_it(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection, pytest.raises(SchemaError, match="prelude store migrate"):
        migrations.check(connection)


def test_an_older_schema_is_refused_with_the_command_that_mends_it(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM prelude_migrations WHERE version > 2")
        with pytest.raises(SchemaError, match=r"at 2, .* prelude store migrate"):
            migrations.check(connection)


def test_a_newer_schema_is_refused_by_migrate_and_check(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO prelude_migrations (version, name) VALUES (9999, '9999_future')")
        with pytest.raises(SchemaError, match="upgrade prelude-otel"):
            migrations.check(connection)
    with pytest.raises(SchemaError, match="upgrade prelude-otel"):
        migrations.migrate(database)


def test_a_failing_migration_leaves_nothing_behind_and_says_which_it_was(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE user_profiles (already text)")
    with pytest.raises(StoreError, match=r"0005_profiles_and_sessions.*already exists"):
        migrations.migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        assert migrations.schema_version(connection) == 4


def test_a_database_of_another_encoding_is_refused(postgres: TestServer) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS prelude_test_latin1")
        connection.execute(
            "CREATE DATABASE prelude_test_latin1 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
    url = postgres.url_for("prelude_test_latin1")
    with pytest.raises(StoreError, match="must be UTF8"):
        migrations.migrate(url)
    postgres.drop_database(url)


def test_a_database_that_is_not_there_is_said_so_without_the_password() -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        migrations.migrate("postgresql://somebody:hunter2@127.0.0.1:1/nowhere")
    assert "hunter2" not in str(caught.value)


def test_the_log_has_the_columns_of_the_contract(database: str) -> None:
    with psycopg.connect(database) as connection:
        columns: dict[str, str] = dict(
            connection.execute(
                "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute"
                " WHERE attrelid = 'user_activity_logs'::regclass AND attnum > 0"
            ).fetchall()
        )
    expected = {name: kind.replace("timestamptz", "timestamp with time zone") for name, kind in COPY_COLUMNS.items()}
    assert columns == expected | {"id": "bigint", "created_at": "timestamp with time zone"}


@pytest.mark.parametrize(("column", "vocabulary"), [("action_type", ACTION_TYPES), ("result_status", STATUSES)])
def test_the_checked_texts_are_the_contracts_vocabulary(database: str, column: str, vocabulary: frozenset[str]) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s AND conparentid = 0 LIMIT 1",
            [f"user_activity_logs_{column}_check"],
        ).fetchone()
    assert row is not None
    assert set(row[0].split("'")[1::2]) == vocabulary
