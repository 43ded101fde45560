"""Four eyes are asked for by the log: a service that does not know the setting is no way round them, nor is a restart."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from click.testing import CliRunner, Result

from prelude_store.command import command
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row


@pytest.fixture
def strict(database: str, writer: Writer) -> Iterator[Analytics]:
    writer.write(Batch(rows=[make_row(user_email=ADA)]))
    with running_analytics(database, four_eyes=True) as running:
        _wait_until_asked_for(database)
        yield running


def _wait_until_asked_for(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for _ in range(200):
            if connection.execute("SELECT 1 FROM governance_acts WHERE kind = 'four_eyes'").fetchone():
                return
            connection.execute("SELECT pg_sleep(0.05)")
    raise AssertionError("the service did not ask for four eyes")


def run(database: str, *words: str, role: str = "governor") -> Result:
    return CliRunner().invoke(command, ["four-eyes", *words, "--database-url", as_role(database, role)])


def test_a_service_without_the_setting_is_no_way_round(strict: Analytics) -> None:
    with running_analytics(strict.database) as lax, lax.signed("govern") as one, strict.signed("govern") as two:
        assert one.get("/governance/state").json()["four_eyes"]
        number = one.put("/governance/policies", json={"keep": "30d"}).json()["proposal"]["id"]
        assert one.get("/governance/policies").json()["items"] == []
        request = one.post("/governance/requests", json={"kind": "erasure", "user_email": ADA}).json()["id"]
        waits = one.post(f"/governance/requests/{request}/carry-out", json={"user_email": ADA}).json()
        assert waits["proposal"]["request"] == request
        # Consent by the other service, to what was proposed by this one.
        assert two.post(f"/governance/proposals/{number}/consent").json()["done"]
        assert [item["keep"] for item in one.get("/governance/policies").json()["items"]] == ["30d"]


def test_what_waits_survives_a_restart_and_so_does_the_setting(database: str) -> None:
    with running_analytics(database, four_eyes=True) as first, first.signed("govern") as client:
        number = client.put("/governance/policies", json={"keep": "30d"}).json()["proposal"]["id"]
        token = first.token("govern")
    with running_analytics(database) as second:
        headers = {"authorization": f"Bearer {token.token}"}
        assert second.client.get("/governance/state", headers=headers).json()["four_eyes"]
        assert second.client.post(f"/governance/proposals/{number}/consent", headers=headers).json()["done"]


def test_it_is_an_act_by_the_login_once(strict: Analytics) -> None:
    with strict.signed("govern") as client, running_analytics(strict.database, four_eyes=True):
        client.put("/governance/policies", json={"keep": "30d"})
        acts = [one for one in client.get("/governance/acts").json()["items"] if one["kind"] == "four_eyes"]
    assert [(act["detail"], act["reason"]) for act in acts] == [({"on": True}, "PRELUDE_FOUR_EYES=on")]


def test_they_are_given_up_by_a_login_for_a_reason(database: str) -> None:
    assert "Four eyes are off" in run(database).output
    assert "Four eyes are on" in run(database, "on").output
    assert "so already" in run(database, "on").output
    refused = run(database, "off")
    assert (refused.exit_code, "--reason" in str(refused.exception)) == (1, True)
    assert '"four_eyes": true' in run(database, "--json", role="reader").output
    with running_analytics(database) as service, service.signed("govern") as client:
        assert client.put("/governance/policies", json={"keep": "30d"}).json()["proposal"]
        assert (
            '"four_eyes": false, "changed": true' in run(database, "off", "--reason", "we are three", "--json").output
        )
        assert client.put("/governance/policies", json={"keep": "30d"}).json()["done"]
    with psycopg.connect(database) as connection:
        asked = "SELECT actor, reason, detail->'on' FROM governance_acts WHERE kind = 'four_eyes' ORDER BY id"
        assert connection.execute(asked).fetchall() == [
            ("prelude_test_governor", None, True), ("prelude_test_governor", "we are three", False),
        ]  # fmt: skip


@pytest.mark.parametrize("role", ["reader", "writer", "keeper", "access"])
def test_nobody_else_may_give_them_up(database: str, role: str) -> None:
    assert run(database, "on").exit_code == 0
    refused = run(database, "off", "--reason", "why not", role=role)
    assert refused.exit_code == 1
    assert '"four_eyes": true' in run(database, "--json").output


def test_a_command_says_that_it_acts_beside_them_wherever_it_runs(database: str) -> None:
    assert run(database, "on").exit_code == 0
    words = [
        "hold",
        "add",
        "--entity",
        "deal:789",
        "--reason",
        "case 7",
        "--database-url",
        as_role(database, "governor"),
    ]
    assert "its act names prelude_test_governor" in CliRunner().invoke(command, words).stderr
