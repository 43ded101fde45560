"""Email: the agent writes it, a provider sends it."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks, status
from fastapi.concurrency import run_in_threadpool

from prelude_demo_crm.dependencies import TheAgent, TheMailer, TheStore
from prelude_demo_crm.schemas import EmailDraft, EmailOut, EmailRequest, OutboxMessage
from prelude_otel import activity

router = APIRouter(prefix="/email", tags=["email"])


@router.post("/generate")
@activity("crm.generate_email")
async def generate_email(wanted: EmailRequest, store: TheStore, agent: TheAgent) -> EmailDraft:
    """Have the agent write an email."""
    customer = await run_in_threadpool(store.customer, wanted.customer_id)
    deal = await run_in_threadpool(store.deal, wanted.deal_id) if wanted.deal_id is not None else None
    subject, body = await agent.write_email(customer, deal, wanted.email_type)
    return EmailDraft(customer_id=customer.id, to_email=customer.email, subject=subject, body=body)


@router.post("/send", status_code=status.HTTP_202_ACCEPTED)
@activity("crm.send_email")
async def send_email(email: EmailOut, store: TheStore, mailer: TheMailer, background: BackgroundTasks) -> OutboxMessage:
    """Send an email to a customer."""
    message = await mailer.send(email)
    background.add_task(store.mark_contacted, email.customer_id)
    return message
