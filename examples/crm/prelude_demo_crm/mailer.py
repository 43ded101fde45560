"""Sends email through a provider, by way of the outbox.

This CRM writes to nobody: a message ends in the outbox. Two reserved domains let you see what goes wrong elsewhere:
providers refuse mail to ``bounce.example``, and do not answer about ``slow.example``.
"""

from __future__ import annotations

import asyncio

from fastapi.concurrency import run_in_threadpool

from prelude_demo_crm.errors import DeliveryError
from prelude_demo_crm.schemas import EmailOut, OutboxMessage
from prelude_demo_crm.store import Store


class Mailer:
    """Hands messages to providers.

    Args:
        store: keeps the outbox.
        timeout: how long a provider may take, in seconds.
    """

    def __init__(self, store: Store, timeout: float) -> None:
        self._store = store
        self._timeout = timeout

    async def send(self, email: EmailOut) -> OutboxMessage:
        """Send one email; what became of it stands in the outbox.

        Raises:
            DeliveryError: the provider refuses the message.
            TimeoutError: the provider does not answer in time.
        """
        message = await run_in_threadpool(self._store.file_email, email)
        status = "failed"
        try:
            async with asyncio.timeout(self._timeout):
                await _hand_over(email)
            status = "sent"
        except TimeoutError as error:
            raise TimeoutError(f"{email.method} has not answered for {self._timeout:g} s") from error
        finally:
            message = await run_in_threadpool(self._store.mark_email, message.message_id, status)
        return message


async def _hand_over(email: EmailOut) -> None:
    domain = email.to_email.rpartition("@")[2].lower()
    if domain == "bounce.example":
        raise DeliveryError(f"{email.method} refuses {email.to_email}: no such mailbox")
    if domain == "slow.example":
        await asyncio.Event().wait()
