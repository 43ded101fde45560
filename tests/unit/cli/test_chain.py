from __future__ import annotations

import pytest

from prelude_cli.up.chain import shown


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({"PRELUDE_DATABASE_URL": "postgresql://me:secret@db:5433/crm?sslmode=require"}, "postgresql://me@db:5433/crm"),
        ({"PRELUDE_DATABASE_URL": "postgresql://db/crm?password=secret"}, "postgresql://db/crm"),
        ({"PRELUDE_DATABASE_URL": "host=db password=secret"}, "as the connection string says"),
        ({"ANALYTICS_DB_HOST": "db", "ANALYTICS_DB_PASSWORD": "secret"}, "db:5432"),
    ],
)
def test_the_screen_never_shows_a_password(database: dict[str, str], said: str) -> None:
    assert shown(database) == said
