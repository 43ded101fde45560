"""A dossier holds all that is held on its person, and of others no more than that they were there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from typing import Any

import psycopg
import pytest

from prelude_store.connection import Connection
from prelude_store.dossier import NothingHeldError, open_dossier
from prelude_store.formulas import defused
from prelude_store.mentions.address import Address
from prelude_store.quarantine.reader import reader_of
from prelude_store.rollups import passes
from prelude_store.row import Quarantined
from prelude_store.writer import Batch, Writer
from tests.support.postgres import ANALYTICS_LOGIN, as_role
from tests.support.rows import make_row

ADA, BOB = "ada@company.com", "bob@company.com"
Superuser = psycopg.Connection[tuple[Any, ...]]


def fill(writer: Writer, keeping: Connection, superuser: Superuser) -> None:
    writer.write(
        Batch(
            rows=[
                make_row(user_email=ADA, session_id="s1", action_data='{"note": "=1+1", "big": 12345678901234567890.10}'),
                make_row(user_email=ADA, session_id="s1", page_url="=cmd()", action_name="view_customer"),
                make_row(user_email=ADA, session_id="s1", page_url=" \u200b=2+3", entity_id="\u00a0+1", tags=("@a",)),
                make_row(user_email=BOB, session_id="secret-session", action_name="send_email",
                         action_data=json.dumps({"to_email": "Ada <ADA@company.com>", "cc": "carl@company.com", "n": 7})),
                make_row(user_email=BOB, action_data='{"to_email": "nada@company.com"}'),
            ],
            quarantined=[
                Quarantined("row", "unknown_status", "status?", json.dumps({"user_email": ADA, "x": 1}).encode()),
                Quarantined("row", "unknown_status", "status?", json.dumps({"user_email": BOB}).encode()),
            ],
        )
    )  # fmt: skip
    while passes.carry_out(keeping).places:
        pass
    superuser.execute("INSERT INTO user_profiles (email, name, role) VALUES (%s, 'Ada', 'sales')", [ADA])
    superuser.execute(
        "INSERT INTO analytics_tokens (id, token_hash, role, user_email) VALUES ('aaaaaaaaaa', %s, 'self', %s)",
        [b"x" * 32, ADA],
    )


def read(url: str, email: str = ADA, **how: Any) -> zipfile.ZipFile:
    dossier = open_dossier(url, Address(email), reader_of(), **how)
    found = zipfile.ZipFile(io.BytesIO(b"".join(dossier)))
    assert found.testzip() is None
    return found


def lines(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(f"{name}.ndjson").splitlines()]


@pytest.mark.parametrize("role", ["governor", ANALYTICS_LOGIN.removeprefix("prelude_test_")])
def test_everything_is_in_it(
    database: str, writer: Writer, keeping: Connection, superuser: Superuser, role: str
) -> None:
    fill(writer, keeping, superuser)
    archive = read(as_role(database, role))
    assert [row["session_id"] for row in lines(archive, "activities")] == ["s1", "s1", "s1"]
    assert b"12345678901234567890.10" in archive.read("activities.ndjson")
    assert [row["session_id"] for row in lines(archive, "sessions")] == ["s1"]
    assert [row["name"] for row in lines(archive, "profile")] == ["Ada"]
    assert sum(row["success"] for row in lines(archive, "daily_counts")) == 3
    assert [row["role"] for row in lines(archive, "credentials")] == ["self"]
    assert [row["customer_id"] for row in lines(archive, "daily_customers")] == ["123"]
    assert [row["record"]["user_email"] for row in lines(archive, "quarantine")] == [ADA]
    (named,) = lines(archive, "named")
    assert named["user_email"] == named["session_id"] == named["ip_address"] == "[another person]"
    assert named["action_data"] == {"to_email": "Ada <ADA@company.com>", "cc": "[another person]", "n": 7}


def test_the_others_are_named_where_that_is_asked_for(
    database: str, writer: Writer, keeping: Connection, superuser: Superuser
) -> None:
    fill(writer, keeping, superuser)
    (named,) = lines(read(as_role(database, "governor"), with_others=True), "named")
    assert (named["user_email"], named["action_data"]["cc"]) == (BOB, "carl@company.com")


def test_the_manifest_tells_the_truth_and_csv_says_the_same_as_ndjson(
    database: str, writer: Writer, keeping: Connection, superuser: Superuser
) -> None:
    fill(writer, keeping, superuser)
    archive = read(as_role(database, "governor"))
    manifest = json.loads(archive.read("manifest.json"))
    assert {file["name"] for file in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
    for file in manifest["files"]:
        content = archive.read(file["name"])
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        if file["name"].endswith(".ndjson"):
            assert file["rows"] == len(content.splitlines())
        if file["name"].endswith(".csv"):
            assert file["rows"] == len(list(csv.DictReader(io.StringIO(content.decode()))))
    page = archive.read("index.html").decode()
    assert "<script" not in page
    assert "activities.csv" in page
    assert "What the fields mean" in page


def test_no_cell_is_a_formula(database: str, writer: Writer, keeping: Connection, superuser: Superuser) -> None:
    fill(writer, keeping, superuser)
    archive = read(as_role(database, "governor"))
    cells = [
        cell
        for name in archive.namelist()
        if name.endswith(".csv")
        for row in csv.reader(io.StringIO(archive.read(name).decode()))
        for cell in row
    ]
    assert {"'=cmd()", "' \u200b=2+3", "'\u00a0+1"} <= set(cells)
    assert [cell for cell in cells if defused(cell) != cell] == []


def test_who_is_unknown_gets_no_empty_file(
    database: str, writer: Writer, keeping: Connection, superuser: Superuser
) -> None:
    fill(writer, keeping, superuser)
    with pytest.raises(NothingHeldError, match=r"nothing is held on eve@company\.com"):
        open_dossier(as_role(database, "governor"), Address("eve@company.com"), reader_of())


def test_the_writer_may_not(database: str, writer: Writer, keeping: Connection, superuser: Superuser) -> None:
    fill(writer, keeping, superuser)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        open_dossier(as_role(database, "writer"), Address(ADA), reader_of())
