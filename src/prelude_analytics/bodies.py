"""The body of a request: not larger than anything that may be asked, and not on its way for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import Message, Receive

__all__ = ["MOST_BYTES", "Body"]

MOST_BYTES: Final = 1024 * 1024
_MOST_SECONDS: Final = 30.0


class Body:
    """Stands before a server's `receive`, for one HTTP request.

    Args:
        receive: the server's.
        most_bytes: of the body.
        most_seconds: until all of it has come.
    """

    def __init__(self, receive: Receive, most_bytes: int = MOST_BYTES, most_seconds: float = _MOST_SECONDS) -> None:
        self._receive = receive
        self._left = most_bytes
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._until: float | None = None
        self._complete = False

    async def receive(self) -> Message:
        """The next message.

        Raises:
            HTTPException: 413, it is too large; 408, it takes too long.
        """
        if self._complete:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._most_seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {self._most_seconds:g} s") from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._left < 0:
                raise HTTPException(413, f"a body has at most {self._most_bytes} bytes here")
        return message
