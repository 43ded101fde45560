"""The agent that writes emails and summaries: plain templates over the CRM's data, no model behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prelude_demo_crm.schemas import Customer, Deal, EmailType, Interaction

NAME = "NextActionInsightAgent"

_SUBJECTS: dict[EmailType, str] = {
    "introduction": "Good to meet you, {first_name}",
    "followup": "Follow-up on our discussion",
    "proposal": "Our proposal for {company}",
    "thank_you": "Thank you, {first_name}",
}
_OPENINGS: dict[EmailType, str] = {
    "introduction": "I look after {company} here and would like to introduce myself.",
    "followup": "Thank you for the time you took. I would like to keep things moving.",
    "proposal": "As promised, here is what we propose to {company}.",
    "thank_you": "It is a pleasure to work with {company}.",
}


class Agent:
    """Composes texts, and takes its time about it as a language model would.

    Args:
        seconds: how long it thinks about a text.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def write_email(self, customer: Customer, deal: Deal | None, email_type: EmailType) -> tuple[str, str]:
        """Subject and body of an email to a customer, about a deal if there is one."""
        await asyncio.sleep(self._seconds)
        words = {"first_name": customer.name.split()[0], "company": customer.company}
        lines = [f"Dear {customer.name},", _OPENINGS[email_type].format(**words)]
        if deal:
            lines.append(
                f"This is about {deal.deal_name} (USD {deal.value_usd:,.0f}), now in the stage “{deal.stage}”."
            )
        lines.append("When would a short call suit you this week?")
        return _SUBJECTS[email_type].format(**words), "\n\n".join(lines)

    async def summarise(self, customer: Customer, deals: Sequence[Deal], interactions: Sequence[Interaction]) -> str:
        """What has happened with a customer, and what to do next."""
        await asyncio.sleep(2 * self._seconds)
        calls = sum(interaction.type == "call" for interaction in interactions)
        open_deals = [deal for deal in deals if deal.stage not in {"won", "lost"}]
        lines = [
            f"{customer.name} of {customer.company}: {calls} calls and {len(interactions) - calls} meetings.",
            f"{len(open_deals)} open deals worth USD {sum(deal.value_usd for deal in open_deals):,.0f}.",
        ]
        if interactions:
            lines.append(f"Latest: {interactions[0].title}. {interactions[0].text}")
        lines.append(f"Next: {'move ' + open_deals[0].deal_name + ' forward' if open_deals else 'find a new need'}.")
        return "\n".join(lines)
