"""Summaries of the interactions with a customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, status
from fastapi.concurrency import run_in_threadpool

from prelude_demo_crm import agent as agents
from prelude_demo_crm.dependencies import TheAgent, TheStore
from prelude_demo_crm.schemas import Summary
from prelude_otel import activity

router = APIRouter(prefix="/customers/{customer_id}/summary", tags=["summaries"])

Days = Annotated[int, Query(ge=1, le=365)]


@router.post("", status_code=status.HTTP_201_CREATED)
@activity("crm.generate_interaction_summary")
async def generate_summary(customer_id: int, store: TheStore, agent: TheAgent, days_back: Days = 30) -> Summary:
    """Have the agent read the last `days_back` days and sum them up."""
    customer = await run_in_threadpool(store.customer, customer_id)
    deals = await run_in_threadpool(store.deals_with, customer_id)
    interactions = await run_in_threadpool(store.interactions_with, customer_id, days_back)
    summary = Summary(
        customer_id=customer_id,
        days_back=days_back,
        agent_used=agents.NAME,
        interactions_analyzed=len(interactions),
        text=await agent.summarise(customer, deals, interactions),
        from_cache=False,
        generated_at=datetime.now(UTC),
    )
    await run_in_threadpool(store.keep_summary, summary)
    return summary


@router.get("")
@activity("crm.view_interaction_summary")
def view_summary(customer_id: int, store: TheStore) -> Summary:
    """The summary that was generated last."""
    return store.summary(customer_id)
