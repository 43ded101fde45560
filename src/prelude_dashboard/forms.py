"""What a form sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from prelude_analytics.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["MOST", "fields"]

MOST: Final = 8_192
"""Bytes of a form."""


async def fields(request: Request, too_long: str = "a form here is not that long") -> dict[str, str]:
    """Values by name, without empty ones; of a name that stands twice the last counts.

    Raises:
        Problem: 413, it is too long.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST:
            raise Problem(413, "Too long", too_long)
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
