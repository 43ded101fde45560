"""Each block of SQL runs on a real database, and the reference's queries are the reference's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from prelude_store.batch import Batch
from prelude_store.writer import Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row
from tests.unit.docs.blocks import ROOT, Block, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prelude_store.row import ActivityRow

PAGE = "docs/query-the-log.md"
MADE = re.compile(r"CREATE ROLE (\w+)")
REFERENCE = sorted((ROOT / "tests/integration/store/reference_queries").glob("*.sql"))


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_an_example_is_taken_by_the_database(block: Block, database: str) -> None:
    with psycopg.connect(database) as connection:
        # Roles belong to the whole server, and another test may have made the ones of the example.
        for role in MADE.findall(block.text):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute(block.text.encode())
        connection.rollback()


def test_the_queries_of_the_reference_are_there_word_for_word() -> None:
    queries = [" ".join(block.text.split()) for block in blocks("sql", page=PAGE)]
    theirs = [" ".join(path.read_text(encoding="utf-8").split()) for path in REFERENCE]
    assert len(theirs) == 6
    assert queries[:6] == theirs


@pytest.mark.parametrize(
    "block", [block for block in blocks("sql", page=PAGE) if "quarantine" not in block.text], ids=str
)
def test_a_query_of_the_log_needs_no_more_than_the_right_to_read(block: Block, database: str) -> None:
    with psycopg.connect(as_role(database, "reader")) as connection:
        connection.execute(block.text.encode())


def test_the_governor_may_read_the_quarantine(database: str) -> None:
    [block] = (block for block in blocks("sql", page=PAGE) if "quarantine" in block.text)
    with psycopg.connect(as_role(database, "governor")) as connection:
        connection.execute(block.text.encode())


def _answer(database: str, heading: str, rows: Iterable[ActivityRow]) -> list[tuple[object, ...]]:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    query = re.search(r"```sql\n(.*?)```", text[text.index(heading) :], re.DOTALL)
    assert query is not None
    writer = Writer(database)
    writer.write(Batch(list(rows), [], [], []))
    writer.close()
    with psycopg.connect(database) as connection:
        return connection.execute(query[1].encode()).fetchall()


def test_actions_that_go_on_are_those_that_nothing_completes(database: str) -> None:
    begun = make_row(action_name="send_email", result_status="pending", entity_id="1")
    ended = make_row(action_name="send_email", completes_event_id=begun.event_id)
    goes_on = make_row(action_name="send_email", result_status="pending", entity_id="2")
    answer = _answer(database, "Actions that go on", [begun, ended, goes_on])
    assert [row[-1] for row in answer] == ["2"]


def test_refused_attempts_are_those_whose_handler_never_ran(database: str) -> None:
    refused = make_row(result_status="error", result_data='{"handler_ran": false, "http_status": 403}', user_email=None)
    failed = make_row(result_status="error", result_data='{"http_status": 500}')
    answer = _answer(database, "Refused attempts", [refused, failed])
    assert [row[-1] for row in answer] == ["403"]


def test_pages_are_grouped_by_their_template(database: str) -> None:
    visits = [make_row(page_url=f"/crm/deals/{deal}", page_route="/crm/deals/{deal_id}") for deal in (456, 789)]
    assert _answer(database, "Pages by the number of visits", visits) == [("/crm/deals/{deal_id}", 2, 1)]
