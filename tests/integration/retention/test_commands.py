"""What is said on the command line, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from prelude_otel.errors import PreludeError, StoreError
from prelude_store.command import command
from prelude_store.connection import Connection
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import count, settle
from tests.support.postgres import as_role
from tests.support.retention import ago
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]


class Said:
    def __init__(self, database: str) -> None:
        self._url = ("--database-url", as_role(database, "governor"))

    def __call__(self, *words: str) -> str:
        return CliRunner().invoke(command, [*words, *self._url], catch_exceptions=False).output

    def json(self, *words: str) -> Any:
        return json.loads(CliRunner().invoke(command, [*words, "--json", *self._url], catch_exceptions=False).stdout)


@pytest.fixture
def said(database: str) -> Said:
    return Said(database)


def test_a_policy_from_its_setting_to_its_end(
    said: Said, writer: Writer, keeping: Connection, superuser: Superuser
) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=ago(100) + n) for n in range(12)] + [make_row()]))
    settle(keeping)
    assert "everything stays" in said("retain", "list")
    assert "everything stays" in said("retain", "plan")
    assert "rows of crm.create_deal are kept for 90d." in said(
        "retain", "set", "--type", "crm", "--name", "create_deal", "--keep", "90d"
    )
    assert "device of all activities are kept for 30d" in said(
        "retain", "set", "--class", "device", "--keep", "30d", "--by", "week"
    )
    assert [(one["what"], one["type"], one["name"], one["keep"], one["by"]) for one in said.json("retain", "list")] == [
        ("rows", "crm", "create_deal", "90d", "day"), ("device", None, None, "30d", "week"),
    ]  # fmt: skip
    (hold,) = [said.json("hold", "add", "--entity", "deal:789", "--to", "99d", "--reason", "case 17")["id"]]
    assert f"hold {hold} (case 17)" in said("retain", "list")
    plan = said.json("retain", "plan")
    assert [week["held"] for week in plan["weeks"]] == [[{"hold": hold, "rows": 12}]]
    assert f"hold {hold} keeps 12 rows that are due" in said("retain", "plan")
    assert "0 rows went" in said("retain", "run")
    assert f"Hold {hold} is released" in said("hold", "release", str(hold), "--reason", "settled")
    assert "12 rows go, as a partition" in said("retain", "plan")
    assert said.json("retain", "run")["partitions"] == 1
    assert "no longer let go after 90d" in said("retain", "remove", "--type", "crm", "--name", "create_deal")
    kinds = superuser.execute("SELECT kind FROM governance_acts ORDER BY id").fetchall()
    assert [kind for (kind,) in kinds] == ["policy", "policy", "hold", "release", "drop", "drop", "policy"]
    assert count(superuser, "SELECT count(*) FROM governance_acts WHERE actor <> 'prelude_test_governor'") == 0


def test_a_plan_for_another_day(said: Said, writer: Writer, keeping: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    settle(keeping)
    said("retain", "set", "--keep", "90d")
    assert said("retain", "plan").endswith("Nothing is due.\n")
    assert "1 rows go, as a partition" in said("retain", "plan", "--at", "2200-01-01")


def test_a_hold_shows_no_address(said: Said, superuser: Superuser) -> None:
    said("hold", "add", "--user", "Ada@Company.com", "--reason", "case 17")
    said(
        "hold",
        "add",
        "--user",
        "ada@company.com ",
        "--from",
        "2026-01-01",
        "--ends",
        "2199-01-01",
        "--reason",
        "case 18",
    )
    one, two = said.json("hold", "list")
    assert one["person"] == two["person"]
    assert "ada" not in said("hold", "list").lower()
    for table in ("governance_acts", "legal_holds"):
        assert "ada@" not in str(superuser.execute(f"SELECT * FROM {table}".encode()).fetchall()).lower()
    said("hold", "release", "1", "--reason", "settled")
    assert [one["id"] for one in said.json("hold", "list")] == [2]
    assert [one["id"] for one in said.json("hold", "list", "--all")] == [1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("retain", "set", "--keep", "90"), "'90' says for how long nothing is kept.*90d"),
        (("retain", "set", "--type", "sales", "--keep", "90d"), "no action type 'sales'"),
        (("retain", "set", "--name", "send_email", "--keep", "90d"), "needs its type"),
        (("retain", "set", "--keep", "forever"), "nothing to keep forever"),
        (
            (
                "retain",
                "remove",
            ),
            "no policy for rows of all activities",
        ),
        (("hold", "add", "--reason", "case 17"), "a hold on everything is no hold"),
        (("hold", "add", "--user", "  ", "--reason", "case 17"), "no address of anybody"),
        (("hold", "add", "--user", "a@b.c", "--reason", " "), "needs a reason"),
        (("hold", "add", "--from", "2026-02-01", "--to", "2026-01-01", "--reason", "x"), "covers no time"),
        (("hold", "add", "--user", "a@b.c", "--ends", "1d", "--reason", "x"), "holds nothing"),
        (("hold", "release", "7", "--reason", "x"), "no hold 7"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    said: Said, superuser: Superuser, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PreludeError, match=message):
        said(*words)
    assert count(superuser, "SELECT count(*) FROM governance_acts") == 0


def test_the_same_policy_again_is_refused_and_another_takes_its_place(said: Said, superuser: Superuser) -> None:
    said("retain", "set", "--keep", "90d")
    with pytest.raises(StoreError, match="kept for 90d already"):
        said("retain", "set", "--keep", "90d")
    assert "no longer for 90d" in said("retain", "set", "--keep", "80d", "--reason", "new law")
    assert [one["keep"] for one in said.json("retain", "list")] == ["80d"]
    said("retain", "set", "--type", "crm", "--keep", "forever")
    with pytest.raises(StoreError, match="makes no sense: no policy would let"):
        said("retain", "remove")
    assert count(superuser, "SELECT count(*) FROM governance_acts WHERE reason = 'new law'") == 1


@pytest.mark.parametrize("role", ["writer", "keeper", "reader", "sealer"])
def test_only_the_governor_may_and_is_told_what_to_grant(database: str, role: str, said: Said) -> None:
    said("retain", "set", "--keep", "90d")
    url = ("--database-url", as_role(database, role))
    for words in (
        ["retain", "set", "--keep", "80d"], ["retain", "run"], ["retain", "remove"], ["hold", "add", "--user", "a@b.c", "--reason", "x"],
        ["hold", "list"],
    ):  # fmt: skip
        with pytest.raises(StoreError, match="GRANT prelude_governor"):
            CliRunner().invoke(command, [*words, *url], catch_exceptions=False)


def test_a_governor_owns_the_log_for_detaching_alone(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    with psycopg.connect(as_role(database, "governor"), autocommit=True) as connection:
        for statement in (
            "TRUNCATE user_activity_logs", "ALTER TABLE user_activity_logs ADD COLUMN a int", "DROP TABLE user_activity_logs",
            "UPDATE governance_acts SET reason = ''", "DELETE FROM governance_acts", "DELETE FROM activity_changes",
            "DELETE FROM legal_holds", "UPDATE legal_holds SET reason = 'none'", "UPDATE retention_drops SET ended_at = NULL",
            "DELETE FROM retention_days", "SELECT prelude_leaving(1)",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="drops nothing"):
            connection.execute("SELECT prelude_drop_partition(1)")
