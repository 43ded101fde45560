"""What waits for one client: little, and without a gap. Who falls behind reads from the ring, as far as that goes back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_analytics.live.frames import Frame

__all__ = ["QUEUE_BYTES", "Subscriber"]

QUEUE_BYTES: Final = 256 * 1024
"""What may wait for one client. With a frame on its way and what the transport holds, it stays below 1 MB."""


class Subscriber:
    """Frames that wait for one client. When they grow too many, those that come are only counted: the client lags.

    Attributes:
        cursor: behind the last frame that was taken; where a client that lags goes on.
        lags: whether rows have come that are not among the frames.
        owed: rows and amendments that came since it lags, and were not sent yet.
        waiting_bytes: of frames.
    """

    __slots__ = ("_arrived", "_frames", "_limit", "cursor", "lags", "owed", "waiting_bytes")

    def __init__(self, cursor: str, limit: int = QUEUE_BYTES) -> None:
        self.cursor = cursor
        self.lags = False
        self.owed = 0
        self.waiting_bytes = 0
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether it has got all that there is."""
        return not self._frames and not self.lags

    def offer(self, frame: Frame) -> None:
        """Let `frame` wait for the client, or count what is in it."""
        if self.lags or (self._frames and self.waiting_bytes + len(frame.data) > self._limit):
            self.lags = True
            self.owed += frame.size
            return
        self._frames.append(frame)
        self.waiting_bytes += len(frame.data)
        self._arrived.set()

    async def take(self) -> Frame | None:
        """The next frame, when there is one; None when the client lags and has taken all that waited."""
        while not self._frames:
            if self.lags:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._frames.popleft()
        self.waiting_bytes -= len(frame.data)
        self.cursor = frame.cursor
        return frame

    def go_on(self, cursor: str) -> int:
        """The client lags no more: it is at `cursor`. Gives what it was still owed."""
        owed, self.owed, self.lags, self.cursor = self.owed, 0, False, cursor
        return owed
