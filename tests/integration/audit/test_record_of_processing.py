"""`prelude store record-of-processing`: what is said of the log is so, and what is not known is said to be unknown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_store.command import command
from prelude_store.processing.document import Table, Text, html, markdown
from prelude_store.processing.words import COLUMNS, KINDS
from prelude_store.rollups.rebuild import rebuild
from prelude_store.writer import Batch, Writer
from tests.support.analytics import token_for
from tests.support.postgres import as_role
from tests.support.rows import make_row


def run(url: str, *arguments: str, **variables: str) -> Result:
    environment = {"PRELUDE_DATABASE_URL": url} | variables
    return CliRunner().invoke(command, ["record-of-processing", *arguments], env=environment)


def lines(text: str) -> dict[str, list[str]]:
    """Lines of tables, by their first cell."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    return {row[0].replace("\\", ""): row[1:] for row in rows}


def done(url: str, *arguments: str, **variables: str) -> str:
    result = run(url, *arguments, **variables)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_tells_activities_with_their_fields_and_counts(database: str, writer: Writer, tmp_path: Path) -> None:
    writer.write(
        Batch(
            rows=[make_row(), make_row(action_name="send_email"), make_row(action_name="own_thing", service_name="hr")]
        )
    )
    before = lines(done(as_role(database, "reader")))
    assert (before["crm"][1], before["crm.create_deal"][3], before["upload"][1]) == ("not counted",) * 3
    rebuild(database)
    found = lines(done(as_role(database, "reader")))
    assert "to_email" in found["crm.send_email"][0]
    assert found["crm.send_email"][3].startswith("1, ")
    assert found["crm.create_deal"][2] == "crm-service"
    assert "in no catalogue given" in found["crm.own_thing"][1]
    assert (found["crm.view_customer"][3], found["crm"][1], found["upload"][1]) == ("none", "yes", "no")
    file = tmp_path / "hr.toml"
    file.write_text('[crm.own_thing]\nfields.about = { personal = true }\nfields.size = { type = "number" }\n')
    assert lines(done(database, "--catalogue", str(file)))["crm.own_thing"][:3] == ["about", "size", "hr"]


def test_it_says_who_the_controller_is_or_that_nobody_said(database: str) -> None:
    text = done(database)
    assert "not stated: set PRELUDE_CONTROLLER" in text
    assert "Not stated: set PRELUDE_PURPOSES" in text
    assert "not stated: set PRELUDE_DPO" in text
    said = {"PRELUDE_CONTROLLER": "Acme, 1 Way", "PRELUDE_DPO": "dpo@acme.example", "PRELUDE_PURPOSES": "Art. 6(1)(f)"}
    found = done(database, **said)
    assert lines(found)["Controller"] == ["Acme, 1 Way"]
    assert lines(found)["Data protection officer"] == ["dpo@acme.example"]
    assert "Art. 6(1)(f)" in found
    assert "not stated" not in found


def test_it_tells_policies_logins_tokens_and_seals_as_they_are(database: str) -> None:
    governor = as_role(database, "governor")
    assert "No policy of retention is set" in done(governor)
    assert "no seals" in lines(done(governor))["Tampering"][0]
    set_one = CliRunner().invoke(command, ["retain", "set", "--keep", "1y", "--database-url", governor])
    assert set_one.exit_code == 0, set_one.output
    token_for(database, "govern")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE seal_state SET origin = 'log', size = 7")
        connection.execute("INSERT INTO seal_checkpoints (size, root, note) VALUES (7, %s, '')", [bytes(32)])
    found = lines(done(governor))
    assert found["rows of all activities"] == ["1y"]
    assert found["govern"] == ["1"]
    assert found["prelude_test_governor"] == ["read, export, erase, set policies"]
    assert found["postgres"] == ["everything (superuser)"]
    assert found["policy"][0] == "1"
    assert found["Tampering"][0].startswith("sealed as log: 7 leaves")
    assert "Tokens: unknown to this login" in done(as_role(database, "reader"))


def test_every_type_and_every_column_has_its_words(database: str) -> None:
    assert KINDS.keys() == ACTION_TYPES
    with psycopg.connect(database) as connection:
        question = "SELECT column_name FROM information_schema.columns WHERE table_name = 'user_activity_logs'"
        there = {name for (name,) in connection.execute(question)}
    said = {name for names, _, _ in COLUMNS for name in re.findall(r"\w+", names)}
    assert said <= there
    from prelude_store.governance.changes import CLASSES

    assert {(name, kind) for name, kind, _ in COLUMNS if kind in CLASSES} == {
        (name, kind) for kind, names in CLASSES.items() for name in names
    }


def test_no_text_turns_into_anything_else() -> None:
    evil = "| a\n| <script>alert(1)</script> [x](javascript:1) `c` **b** \\"
    blocks: list[Any] = [Text(evil), Table(("One", evil), [(evil, "x")])]
    text = markdown("T", blocks)
    assert re.sub(r"\\[\\`*_{}\[\]<>#|~]", "", text).count("|") == 3 * 3
    assert not re.search(r"(?<!\\)[<`\[*]", text)
    page = html("T", blocks)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3


@pytest.mark.parametrize(("name", "begins"), [("r.md", "# Record of"), ("r.html", "<!DOCTYPE html>")])
def test_the_name_of_the_file_says_the_form(database: str, tmp_path: Path, name: str, begins: str) -> None:
    done(database, "--out", str(tmp_path / name))
    assert (tmp_path / name).read_text().startswith(begins)
    assert run(database, "--out", str(tmp_path / "r.pdf")).exit_code == 2
