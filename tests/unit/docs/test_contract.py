"""docs/contract.md says what the code does: its examples become the rows that it shows, and its lists are complete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from prelude_otel.contract import attributes, vocabulary
from prelude_store.preparation import CONFLICT, OUT_OF_RANGE
from tests.unit.docs.blocks import ROOT, blocks, section
from tests.unit.docs.curl import read_curl, send

if TYPE_CHECKING:
    from tests.unit.docs.conftest import Exporter

PAGE = "docs/contract.md"
QUARANTINE = "What is no activity, what goes to quarantine, what is refused"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def answers(exporter: Exporter) -> list[bytes]:
    record, span = (read_curl(block.text) for block in blocks("sh", page=PAGE))
    return [send(record, exporter.http), send(record, exporter.http), send(span, exporter.http)]


def test_the_first_activity_becomes_one_row_however_often_it_is_sent(answers: list[bytes], exporter: Exporter) -> None:
    assert answers == [b"{}", b"{}", b"{}"]
    [row] = exporter.rows("service_name = 'billing'")
    assert (row["action_type"], row["action_name"], row["result_status"]) == ("crm", "create_deal", "success")
    assert (row["user_email"], row["entity_type"], row["entity_id"]) == ("user@company.com", "deal", "789")
    assert row["action_data"] == {
        "deal_name": "Enterprise Contract",
        "value_usd": 50000.0,
        "client_id": 123,
        "customer_id": 123,
    }


@pytest.mark.usefixtures("answers")
def test_the_span_of_the_example_gives_the_length_that_the_page_names(exporter: Exporter) -> None:
    [row] = exporter.rows("service_name = 'billing'")
    assert f"Now `duration_ms` is {row['duration_ms']}." in TEXT


def test_every_attribute_of_the_contract_is_on_the_page() -> None:
    named = {value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)}
    assert [name for name in sorted(named) if f"`{name}`" not in TEXT and name != attributes.EVENT_PREFIX] == []


def test_every_action_type_and_status_is_on_the_page() -> None:
    assert [word for word in vocabulary.ACTION_TYPES | vocabulary.STATUSES if f"`{word}`" not in TEXT] == []


def test_every_column_of_the_tables_is_on_the_page(database: str) -> None:
    with psycopg.connect(database) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = ANY(%s)",
            [re.findall(r"^\| `(\w+)` \|", section(PAGE, "Tables"), re.MULTILINE)],
        ).fetchall()
    log, tables = section(PAGE, "From attributes to columns"), section(PAGE, "Tables")
    assert len(columns) > 40
    assert [
        (table, column)
        for table, column in columns
        if f"`{column}`" not in (log if table == "user_activity_logs" else tables)
    ] == []


def test_the_reasons_for_the_quarantine_are_those_of_the_code() -> None:
    rooms = (ROOT / "exporter", ROOT / "src/prelude_store")
    sources = "".join(path.read_text(encoding="utf-8") for room in rooms for path in room.rglob("*.py"))
    raised = set(re.findall(r"""(?:ContractError\(|_quarantine\(decoded, origin,)\s*"(\w+)\"""", sources))
    listed = re.findall(r"^\| `(\w+)` \| ", section(PAGE, QUARANTINE), re.MULTILINE)
    assert len(raised) > 5
    assert {CONFLICT, OUT_OF_RANGE, *raised} - set(listed) == set()
    assert [reason for reason in listed if f'"{reason}"' not in sources] == []
