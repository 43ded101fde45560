"""Answers that are made while they are sent: what makes them ends with them, however they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["Streamed"]

_PATIENCE: Final = 120.0
"""Seconds that a reader may take for a part, some 256 KiB: meanwhile a connection, a snapshot or a file may be kept for them."""


class Streamed(StreamingResponse):
    """An answer whose content is closed with it, and not only when somebody collects garbage.

    Args:
        first: its first part, taken before the answer begins, so that what can't be answered gets a status that says so.
        rest: where that came from: a generator that has not begun would not end either.
        media_type: of them together.
        headers: beside that.
    """

    def __init__(
        self, first: bytes, rest: AsyncGenerator[bytes, None], media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(_behind(first, rest), media_type=media_type, headers=headers)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, to its end or until nobody reads it.

        Raises:
            TimeoutError: the reader is there, and takes nothing; the answer is cut off.
        """

        async def patiently(message: Message) -> None:
            async with asyncio.timeout(_PATIENCE):
                await send(message)

        async with aclosing(self._rest):
            await super().__call__(scope, receive, patiently)


async def _behind(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part
