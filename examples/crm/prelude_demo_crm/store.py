"""The CRM's data, by subject. Nothing here knows HTTP or the activity log.

Whatever looks for one thing raises `NotFoundError` where there is none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prelude_demo_crm.database import Database
from prelude_demo_crm.schemas import (
    CallIn,
    Customer,
    Deal,
    DealChanges,
    DealIn,
    EmailOut,
    Interaction,
    InteractionType,
    MeetingIn,
    Note,
    NoteIn,
    OutboxMessage,
    Summary,
)


class Store:
    """Customers, deals, what happens around them, emails and summaries.

    Args:
        path: the database file; empty: a private one that ends with the process.
    """

    def __init__(self, path: str = "") -> None:
        self._database = Database(path)
        self._all, self._one, self._run = self._database.all, self._database.one, self._database.run

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # Customers

    def customers(self) -> list[Customer]:
        """All customers, by name."""
        return self._all(Customer, "SELECT * FROM customers ORDER BY name")

    def search_customers(self, text: str) -> list[Customer]:
        """Customers whose name, company or address contains `text`, in any case."""
        return self._all(
            Customer,
            "SELECT * FROM customers WHERE instr(lower(name || char(10) || company || char(10) || email), lower(:text))"
            " ORDER BY name",
            text=text,
        )

    def customer(self, customer_id: int) -> Customer:
        """One customer."""
        return self._one(Customer, "SELECT * FROM customers WHERE id = :id", id=customer_id)

    def mark_contacted(self, customer_id: int) -> None:
        """Remember that we have just written to a customer."""
        self._run("UPDATE customers SET last_contacted_at = :now WHERE id = :id", id=customer_id, now=_now())

    # Deals

    def deals(self) -> list[Deal]:
        """All deals, newest first."""
        return self._all(Deal, "SELECT * FROM deals ORDER BY id DESC")

    def deals_with(self, customer_id: int) -> list[Deal]:
        """The deals with one customer, newest first."""
        return self._all(Deal, "SELECT * FROM deals WHERE client_id = :id ORDER BY id DESC", id=customer_id)

    def deal(self, deal_id: int) -> Deal:
        """One deal."""
        return self._one(Deal, "SELECT * FROM deals WHERE id = :id", id=deal_id)

    def create_deal(self, deal: DealIn, owner: str) -> Deal:
        """Add a deal with a customer whom we know."""
        self.customer(deal.client_id)
        return self._one(
            Deal,
            "INSERT INTO deals (deal_name, value_usd, client_id, stage, expected_close_date, owner, created_at) VALUES"
            " (:deal_name, :value_usd, :client_id, :stage, :expected_close_date, :owner, :now) RETURNING *",
            **deal.model_dump(mode="json"),
            owner=owner,
            now=_now(),
        )

    def update_deal(self, deal_id: int, changes: DealChanges) -> Deal:
        """Change what the client has sent, and nothing else."""
        with self._database.transaction():
            deal = self.deal(deal_id).model_copy(update=changes.model_dump(exclude_unset=True))
            return self._one(
                Deal,
                "UPDATE deals SET deal_name = :deal_name, value_usd = :value_usd, stage = :stage,"
                " expected_close_date = :expected_close_date WHERE id = :id RETURNING *",
                **deal.model_dump(mode="json"),
            )

    def delete_deal(self, deal_id: int) -> None:
        """Remove a deal with all that happened around it."""
        self._one(Deal, "DELETE FROM deals WHERE id = :id RETURNING *", id=deal_id)

    # What happens around a deal

    def notes(self, deal_id: int) -> list[Note]:
        """The notes on a deal, newest first."""
        return self._all(Note, "SELECT * FROM notes WHERE deal_id = :id ORDER BY id DESC", id=deal_id)

    def add_note(self, deal_id: int, note: NoteIn, author: str) -> Note:
        """Add a note to a deal."""
        self.deal(deal_id)
        return self._one(
            Note,
            "INSERT INTO notes (deal_id, text, author, created_at) VALUES (:deal_id, :text, :author, :now) RETURNING *",
            **note.model_dump(mode="json"),
            deal_id=deal_id,
            author=author,
            now=_now(),
        )

    def delete_note(self, deal_id: int, note_id: int) -> None:
        """Remove a note from a deal."""
        self._one(
            Note, "DELETE FROM notes WHERE id = :id AND deal_id = :deal_id RETURNING *", id=note_id, deal_id=deal_id
        )

    def interactions(self, deal_id: int) -> list[Interaction]:
        """The calls and meetings of a deal, newest first."""
        return self._all(Interaction, "SELECT * FROM interactions WHERE deal_id = :id ORDER BY id DESC", id=deal_id)

    def interactions_with(self, customer_id: int, days_back: int) -> list[Interaction]:
        """The calls and meetings of the last `days_back` days with a customer, newest first."""
        return self._all(
            Interaction,
            "SELECT interactions.* FROM interactions JOIN deals ON deals.id = deal_id WHERE client_id = :id"
            " AND interactions.created_at >= :since ORDER BY interactions.id DESC",
            id=customer_id,
            since=_now(-timedelta(days=days_back)),
        )

    def add_call(self, deal_id: int, call: CallIn, author: str) -> Interaction:
        """Add the summary of a call to a deal."""
        self.deal(deal_id)
        return self._one(
            Interaction,
            "INSERT INTO interactions (deal_id, type, title, text, author, created_at) VALUES"
            " (:deal_id, 'call', 'Call', :call_summary, :author, :now) RETURNING *",
            **call.model_dump(mode="json"),
            deal_id=deal_id,
            author=author,
            now=_now(),
        )

    def add_meeting(self, deal_id: int, meeting: MeetingIn, author: str) -> Interaction:
        """Add a meeting to a deal."""
        self.deal(deal_id)
        return self._one(
            Interaction,
            "INSERT INTO interactions (deal_id, type, title, text, starts_at, author, created_at) VALUES"
            " (:deal_id, 'meeting', :meeting_title, :agenda, :starts_at, :author, :now) RETURNING *",
            **meeting.model_dump(mode="json"),
            deal_id=deal_id,
            author=author,
            now=_now(),
        )

    def delete_interaction(self, deal_id: int, type_: InteractionType, interaction_id: int) -> None:
        """Remove a call or a meeting from a deal."""
        self._one(
            Interaction,
            "DELETE FROM interactions WHERE id = :id AND deal_id = :deal_id AND type = :type RETURNING *",
            id=interaction_id,
            deal_id=deal_id,
            type=type_,
        )

    # Emails and summaries

    def file_email(self, email: EmailOut) -> OutboxMessage:
        """Put an email into the outbox."""
        self.customer(email.customer_id)
        if email.deal_id is not None:
            self.deal(email.deal_id)
        return self._one(
            OutboxMessage,
            "INSERT INTO outbox (customer_id, deal_id, to_email, subject, body, method, status, created_at) VALUES"
            " (:customer_id, :deal_id, :to_email, :subject, :body, :method, 'sending', :now) RETURNING *",
            **email.model_dump(mode="json"),
            now=_now(),
        )

    def mark_email(self, message_id: int, status: str) -> OutboxMessage:
        """Say what has become of an email in the outbox."""
        return self._one(
            OutboxMessage,
            "UPDATE outbox SET status = :status WHERE message_id = :message_id RETURNING *",
            message_id=message_id,
            status=status,
        )

    def summary(self, customer_id: int) -> Summary:
        """The summary that was generated last for a customer."""
        return self._one(
            Summary,
            "SELECT *, TRUE AS from_cache FROM summaries WHERE customer_id = :customer_id",
            customer_id=customer_id,
        )

    def keep_summary(self, summary: Summary) -> None:
        """Keep a summary in place of the one before."""
        self._run(
            "INSERT OR REPLACE INTO summaries VALUES"
            " (:customer_id, :days_back, :agent_used, :interactions_analyzed, :text, :generated_at)",
            **summary.model_dump(mode="json"),
        )


def _now(plus: timedelta = timedelta(0)) -> str:
    return (datetime.now(UTC) + plus).isoformat()
