"""A user whose service gives an id in place of an address is handed out, erased, renamed and held as any other."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from prelude_store.command import command
from prelude_store.connection import Connection
from prelude_store.rollups import passes
from prelude_store.rollups.verify import verify
from prelude_store.row import Quarantined
from prelude_store.writer import Batch, Writer
from tests.support.analytics import running_analytics
from tests.support.people import BOB
from tests.support.postgres import as_role
from tests.support.rows import make_row

ID = "42"
OWNER = ("action_data.owner",)
Superuser = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def filled(database: str, writer: Writer, keeping: Connection, superuser: Superuser) -> str:
    writer.write(
        Batch(
            rows=[
                make_row(user_email=ID, session_id="s1", entity_id="42", action_data='{"owner": "bob", "value": 42}', personal_paths=OWNER),
                make_row(user_email=ID, session_id="s2", action_name="view_customer", action_data='{"customer_id": "42"}'),
                make_row(user_email=BOB, action_data='{"owner": "42", "value": 42, "note": "42"}', personal_paths=OWNER),
                make_row(user_email=BOB, action_data='{"owner": 42}', personal_paths=OWNER),
                make_row(user_email=BOB, entity_type="deal", entity_id="42", page_url="/deals/42", tags=("42",), action_data='{"owner": "42"}'),
                make_row(user_email=BOB, action_name="view_customer", action_data='{"customer_id": "42"}'),
                make_row(user_email="421", action_data='{"owner": "421"}', personal_paths=OWNER),
            ],
            quarantined=[
                Quarantined("row", "unknown_status", "status?", json.dumps({"user_email": ID, "x": 1}).encode()),
                Quarantined("row", "unknown_status", "status?", json.dumps({"user_email": BOB, "deal": "42"}).encode()),
            ],
        )
    )  # fmt: skip
    while passes.carry_out(keeping).places:
        pass
    superuser.execute(
        "INSERT INTO user_profiles (email, name, role) VALUES ('42', 'Ada', 'sales'), (%s, '42', 'x')", [BOB]
    )
    superuser.execute(
        "INSERT INTO analytics_tokens (id, token_hash, role, user_email) VALUES ('aaaaaaaaaa', %s, 'self', '42')",
        [b"x" * 32],
    )
    return as_role(database, "governor")


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--database-url", url])


def named(superuser: Superuser) -> list[Any]:
    """What the owners of fields are, of those rows whose owner is personal."""
    asked = "SELECT action_data->'owner' FROM user_activity_logs WHERE personal_paths IS NOT NULL ORDER BY lane_seq"
    return [owner for (owner,) in superuser.execute(asked)]


def people(superuser: Superuser) -> list[str | None]:
    return [user for (user,) in superuser.execute("SELECT user_email FROM user_activity_logs ORDER BY lane_seq")]


def untouched(superuser: Superuser) -> list[Any]:
    """What looks like the id, and is a thing."""
    asked = (
        "SELECT entity_id, page_url, tags, action_data FROM user_activity_logs"
        " WHERE user_email = %s AND personal_paths IS NULL ORDER BY lane_seq"
    )
    customers = superuser.execute("SELECT DISTINCT customer_id FROM customer_rollups").fetchall()
    return [*superuser.execute(asked, [BOB]).fetchall(), *customers]


def test_what_is_held_on_an_id_is_handed_out(filled: str, tmp_path: Path) -> None:
    done = run(filled, "export", "--user", ID, "--out", str(tmp_path / "it.zip"), "--json")
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(io.BytesIO((tmp_path / "it.zip").read_bytes())) as archive:
        counts = {
            name: len(archive.read(f"{name}.ndjson").splitlines())
            for name in ("activities", "named", "sessions", "profile", "credentials", "quarantine")
        }
        text = archive.read("named.ndjson")
    assert counts == {"activities": 2, "named": 2, "sessions": 2, "profile": 1, "credentials": 1, "quarantine": 1}
    assert BOB.encode() not in text


def test_an_id_is_erased_where_it_is_the_person_and_stays_where_it_is_a_thing(
    filled: str, superuser: Superuser, keeping: Connection, database: str, tmp_path: Path, writer: Writer
) -> None:
    before = untouched(superuser)
    done = run(filled, "erase", "--user", " 42 ", "--receipt", str(tmp_path / "receipt.json"), "--json")
    assert done.exit_code == 0, done.output
    receipt = json.loads(done.stdout)
    assert {name: receipt["counts"][name] for name in ("rows", "mentions", "quarantine", "profiles", "tokens")} == {
        "rows": 2, "mentions": 2, "quarantine": 1, "profiles": 1, "tokens": 1,
    }  # fmt: skip
    assert receipt["left"] == []
    assert people(superuser) == [None, None, BOB, BOB, BOB, BOB, "421"]
    assert named(superuser) == ["[erased]", "[erased]", "[erased]", "421"]
    assert untouched(superuser) == before
    kept = superuser.execute("SELECT count(*) FROM activity_quarantine WHERE payload <> ''").fetchone()
    assert kept == (1,)
    while passes.carry_out(keeping).places:
        pass
    assert verify(as_role(database, "keeper")).differences == []
    assert writer.write(Batch(rows=[make_row(user_email=ID, timestamp_us=1_780_000_000_000_000)])).erased == 1
    assert "nothing is held" in str(run(filled, "erase", "--user", ID).exception)


def test_an_id_gets_an_address(filled: str, superuser: Superuser, tmp_path: Path) -> None:
    before = untouched(superuser)
    done = run(filled, "rename", "--user", ID, "ada@company.com", "--receipt", str(tmp_path / "receipt.json"), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["left"] == ["public.activity_quarantine"]
    assert people(superuser) == ["ada@company.com", "ada@company.com", BOB, BOB, BOB, BOB, "421"]
    assert named(superuser) == ["bob", "ada@company.com", "ada@company.com", "421"]
    assert untouched(superuser) == before


def test_a_hold_on_an_id_wins(filled: str, superuser: Superuser) -> None:
    assert run(filled, "hold", "add", "--user", ID, "--reason", "case 7").exit_code == 0
    refused = run(filled, "erase", "--user", ID)
    assert (refused.exit_code, "under legal hold" in str(refused.exception)) == (1, True)
    assert people(superuser).count(ID) == 2


def test_an_erasure_of_an_id_is_done_again_by_its_receipt(filled: str, superuser: Superuser, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    assert run(filled, "erase", "--user", ID, "--receipt", str(receipt)).exit_code == 0
    # As a backup brings it back.
    superuser.execute("UPDATE user_activity_logs SET user_email = '42' WHERE user_email IS NULL")
    superuser.execute("TRUNCATE erasures, erasure_runs")
    done = run(filled, "erase", "--replay", str(receipt), "--json")
    assert (done.exit_code, json.loads(done.stdout)["receipts"][0]["erased"]) == (0, True)
    assert ID not in people(superuser)


def test_the_api_takes_an_id_as_well(filled: str, database: str, superuser: Superuser) -> None:
    with running_analytics(database) as service, service.signed("govern") as govern:
        found = govern.post("/governance/requests", json={"kind": "access", "user_email": ID}).json()
        answer = govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ID})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert len(archive.read("named.ndjson").splitlines()) == 2
        assert govern.post("/governance/requests", json={"kind": "erasure", "user_email": "ada@"}).status_code == 422
        audit = govern.get("/governance/audit", params={"user_email": ID, "format": "ndjson"})
        assert sum(json.loads(line)["record"] == "activity" for line in audit.text.splitlines()) == 2
