"""What goes in and out. Where a name is also a field of the activity catalogue, the log finds it by itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Stage = Literal["lead", "qualified", "proposal", "negotiation", "won", "lost"]
InteractionType = Literal["call", "meeting"]
EmailType = Literal["introduction", "followup", "proposal", "thank_you"]
Method = Literal["gmail_api_v2", "outlook_api_v2", "smtp"]


class Customer(BaseModel):
    """A person at a company that we sell to."""

    id: int
    name: str
    company: str
    email: str
    industry: str
    last_contacted_at: datetime | None


class DealIn(BaseModel):
    """A deal as the client sends it."""

    deal_name: Line
    value_usd: Usd
    client_id: int
    stage: Stage = "lead"
    expected_close_date: date | None = None


class Deal(DealIn):
    """A deal as we keep it."""

    id: int
    owner: str
    created_at: datetime


class DealChanges(BaseModel):
    """Changes to a deal. Only what the client has sent counts; the defaults are never read."""

    deal_name: Line = "unchanged"
    value_usd: Usd = 0
    stage: Stage = "lead"
    expected_close_date: date | None = None


class CustomerProfile(Customer):
    """A customer with the deals we have with them."""

    deals: list[Deal]


class SearchResults(BaseModel):
    """The customers that a search has found."""

    results_count: int
    customers: list[Customer]


class NoteIn(BaseModel):
    """A note to add to a deal."""

    text: Text


class CallIn(BaseModel):
    """The summary of a call about a deal."""

    call_summary: Text


class MeetingIn(BaseModel):
    """A meeting to schedule for a deal."""

    meeting_title: Line
    starts_at: datetime
    agenda: str = ""


class Note(BaseModel):
    """A note on a deal."""

    id: int
    deal_id: int
    text: str
    author: str
    created_at: datetime


class Interaction(BaseModel):
    """A call or a meeting about a deal."""

    id: int
    deal_id: int
    type: InteractionType
    title: str
    text: str
    starts_at: datetime | None
    author: str
    created_at: datetime


class DealActivities(BaseModel):
    """All that happened around a deal, newest first."""

    deal_id: int
    activities_count: int
    notes: list[Note]
    interactions: list[Interaction]


class EmailRequest(BaseModel):
    """Which email the agent shall write."""

    customer_id: int
    email_type: EmailType
    deal_id: int | None = None


class EmailDraft(BaseModel):
    """An email that nobody has sent yet."""

    customer_id: int
    to_email: str
    subject: str
    body: str


class EmailOut(BaseModel):
    """An email to send, and through which provider."""

    customer_id: int
    deal_id: int | None = None
    to_email: Address
    subject: Line
    body: Text
    method: Method = "gmail_api_v2"


class OutboxMessage(BaseModel):
    """An email in the outbox."""

    message_id: int
    to_email: str
    subject: str
    method: Method
    status: Literal["sending", "sent", "failed"]
    created_at: datetime


class Summary(BaseModel):
    """What the agent makes of the interactions with a customer."""

    customer_id: int
    days_back: int
    agent_used: str
    interactions_analyzed: int
    text: str
    from_cache: bool
    generated_at: datetime
