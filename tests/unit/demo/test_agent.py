"""The agent's templates say what the data says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from prelude_demo_crm.agent import Agent
from prelude_demo_crm.schemas import Customer, Deal, EmailType, Interaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ELENA = Customer(
    id=123,
    name="Elena Marsh",
    company="Acme Corp",
    email="elena@acme.example",
    industry="Retail",
    last_contacted_at=None,
)
DEAL = Deal(
    id=456, deal_name="Renewal", value_usd=12500, client_id=123, stage="proposal", owner="a@b.example", created_at=NOW
)
CALL = Interaction(
    id=1,
    deal_id=456,
    type="call",
    title="Call",
    text="They agree.",
    starts_at=None,
    author="a@b.example",
    created_at=NOW,
)


@pytest.mark.parametrize("email_type", ["introduction", "followup", "proposal", "thank_you"])
def test_every_type_of_email_has_a_subject_and_addresses_the_customer(email_type: EmailType) -> None:
    subject, body = asyncio.run(Agent(0).write_email(ELENA, DEAL, email_type))
    assert subject
    assert "{" not in subject + body
    assert body.startswith("Dear Elena Marsh,")
    assert "Renewal (USD 12,500)" in body


def test_an_email_without_a_deal_speaks_of_none() -> None:
    _, body = asyncio.run(Agent(0).write_email(ELENA, None, "followup"))
    assert "This is about" not in body


def test_a_summary_counts_and_says_what_is_next() -> None:
    text = asyncio.run(Agent(0).summarise(ELENA, [DEAL], [CALL]))
    assert "1 calls and 0 meetings" in text
    assert "1 open deals worth USD 12,500" in text
    assert "Latest: Call. They agree." in text
    assert "move Renewal forward" in text


def test_a_summary_of_nothing_is_no_error() -> None:
    text = asyncio.run(Agent(0).summarise(ELENA, [], []))
    assert "0 calls and 0 meetings" in text
    assert "find a new need" in text
