"""A command acts beside four eyes: it says so, and its act names the login."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from prelude_store.command import command
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

COMMANDS = (
    ("retain", "set", "--keep", "1y"),
    ("hold", "add", "--entity", "deal:789", "--reason", "case 7"),
    ("erase", "--user", "ada@company.com", "--receipt", "{tmp}/receipt.json"),
    ("rename", "--user", "ada@company.com", "eve@company.com", "--receipt", "{tmp}/receipt.json"),
)


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("asked", ["on", "off"])
def test_a_command_says_that_it_acts_beside_four_eyes(
    database: str, writer: Writer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, words: tuple[str, ...], asked: str
) -> None:
    writer.write(Batch(rows=[make_row(user_email="ada@company.com")]))
    monkeypatch.setenv("PRELUDE_FOUR_EYES", asked)
    given = [word.replace("{tmp}", str(tmp_path)) for word in words]
    done = CliRunner().invoke(
        command, [*given, "--database-url", as_role(database, "governor")], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert ("its act names prelude_test_governor" in done.stderr) == (asked == "on")
    with psycopg.connect(database) as connection:
        actors = connection.execute("SELECT DISTINCT actor FROM governance_acts").fetchall()
    assert actors == [("prelude_test_governor",)]


def test_the_receipt_of_a_command_is_kept_and_names_nobody(database: str, writer: Writer, tmp_path: Any) -> None:
    writer.write(Batch(rows=[make_row(user_email="ada@company.com")]))
    words = ["erase", "--user", "ada@company.com", "--receipt", str(tmp_path / "receipt.json")]
    CliRunner().invoke(command, [*words, "--database-url", as_role(database, "governor")], catch_exceptions=False)
    with psycopg.connect(database) as connection:
        ((kind, text),) = connection.execute("SELECT kind, receipt::text FROM governance_receipts").fetchall()
    assert kind == "erase"
    assert "ada" not in text
