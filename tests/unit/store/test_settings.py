"""Flag, then PRELUDE_*, then the reference's ANALYTICS_DB_*; and never a password in a message."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from prelude_otel.errors import ConfigurationError
from prelude_store.settings import database_url, target

ANALYTICS = {
    "ANALYTICS_DB_HOST": "db.internal",
    "ANALYTICS_DB_PORT": "5433",
    "ANALYTICS_DB_USER": "writer",
    "ANALYTICS_DB_PASSWORD": "it's a 'secret'",
    "ANALYTICS_DB_NAME": "prelude_user_analytics",
}


def test_the_flag_wins_over_everything() -> None:
    assert (
        database_url("postgresql://flag/x", {"PRELUDE_DATABASE_URL": "postgresql://env/x"} | ANALYTICS)
        == "postgresql://flag/x"
    )


def test_prelude_wins_over_the_references_names() -> None:
    assert database_url(None, {"PRELUDE_DATABASE_URL": "postgresql://env/x"} | ANALYTICS) == "postgresql://env/x"


def test_the_references_names_are_understood() -> None:
    assert conninfo_to_dict(database_url(None, ANALYTICS)) == {
        "host": "db.internal",
        "port": "5433",
        "user": "writer",
        "password": "it's a 'secret'",
        "dbname": "prelude_user_analytics",
    }


def test_the_references_database_is_the_default() -> None:
    found = conninfo_to_dict(database_url(None, {"ANALYTICS_DB_HOST": "db"}))
    assert found == {"host": "db", "dbname": "prelude_user_analytics"}


def test_nothing_said_names_every_way_to_say_it() -> None:
    with pytest.raises(ConfigurationError, match=r"--database-url.*PRELUDE_DATABASE_URL.*ANALYTICS_DB_HOST"):
        database_url(None, {})


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'http'"):
        database_url(None, ANALYTICS | {"ANALYTICS_DB_PORT": "http"})


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@[::1/x", "hunter2 is it", "postgresql://u:hunter2@h/d?no_such=1"]
)
def test_a_url_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--database-url") as caught:
        database_url(url, {})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hunter2@db:5433/log", "u@db:5433/log"),
        ("host=db dbname=log password=hunter2", "db/log"),
        ("postgresql://u@/log?host=%2Fvar%2Frun", "u@/var/run/log"),
        ("hunter2", "the database"),
    ],
)
def test_a_target_is_told_without_its_password(url: str, said: str) -> None:
    assert target(url) == said


@pytest.mark.parametrize("password", ["hunter2/x", "a/hunter2", "hunter2@x", "a@hunter2", "a:b@hunter2", "a%cahunter2"])
def test_a_password_that_is_not_encoded_is_not_taken_for_a_host_or_a_name(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        database_url(f"postgresql://u:{password}@db.internal/x")
    assert "hunter2" not in str(caught.value)
