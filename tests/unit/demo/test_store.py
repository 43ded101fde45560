"""The CRM's data behaves when several threads and several processes use it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from prelude_demo_crm.database import Database
from prelude_demo_crm.errors import NotFoundError
from prelude_demo_crm.schemas import Deal, DealChanges, DealIn
from prelude_demo_crm.store import Store

NEW = DealIn(deal_name="Pilot", value_usd=1, client_id=123)


def test_a_file_is_seeded_once_and_keeps_what_was_done(tmp_path: Path) -> None:
    path = str(tmp_path / "crm.db")
    with closing(Store(path)) as store:
        deal = store.create_deal(NEW, owner="a@b.example")
    with closing(Store(path)) as store:
        assert store.deal(deal.id) == deal
        assert len(store.customers()) == 50


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "crm.db")
    with closing(Store(path)) as one, closing(Store(path)) as other:
        deal = one.create_deal(NEW, owner="a@b.example")
        assert other.update_deal(deal.id, DealChanges(stage="won")).stage == "won"
        assert one.deal(deal.id).stage == "won"


def test_many_threads_lose_nothing() -> None:
    with closing(Store()) as store:
        with ThreadPoolExecutor(8) as threads:
            deals = list(threads.map(lambda _: store.create_deal(NEW, owner="a@b.example"), range(200)))
        assert sorted(deal.id for deal in deals) == list(range(789, 989))


def test_a_transaction_that_fails_changes_nothing() -> None:
    with closing(Database()) as database:
        with suppress(NotFoundError), database.transaction():
            database.run("DELETE FROM notes")
            database.one(Deal, "SELECT * FROM deals WHERE id = :id", id=1)
        assert database.run("SELECT * FROM notes")


@pytest.mark.parametrize("text", ["ACME", "elena", "acme.example", "a%c"])
def test_a_search_reads_names_companies_and_addresses_and_knows_no_wildcards(text: str) -> None:
    with closing(Store()) as store:
        assert bool(store.search_customers(text)) is (text != "a%c")
