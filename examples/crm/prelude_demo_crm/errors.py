"""What can go wrong, and what the client is told."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class NotFoundError(Exception):
    """There is no such customer, deal, note, interaction or summary."""


class DeliveryError(Exception):
    """A mail provider refuses a message."""


def _answer(status: int) -> Handler:
    async def answer(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, status)

    return answer


ANSWERS: dict[int | type[Exception], Handler] = {
    NotFoundError: _answer(404),
    DeliveryError: _answer(502),
    TimeoutError: _answer(504),
}
