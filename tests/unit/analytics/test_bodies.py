"""Bodies of requests come whole, in time and within bounds, or are refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from prelude_analytics.bodies import Body


def read(messages: list[dict[str, Any]], **limits: Any) -> list[Any]:
    """What an application receives of these messages; behind the last one nothing comes."""

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def all_of_it() -> list[Any]:
        body = Body(receive, **limits)
        return [await body.receive() for _ in range(3)]

    return asyncio.run(all_of_it())


def part(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_what_fits_passes_and_so_does_what_comes_behind_it() -> None:
    given = [part(b"abc", more=True), part(b"de", more=False), {"type": "http.disconnect"}]
    assert read(list(given), most_bytes=5) == given


def test_what_is_too_large_in_all_is_refused() -> None:
    with pytest.raises(HTTPException) as refused:
        read([part(b"abc", more=True), part(b"def", more=True)], most_bytes=5)
    assert refused.value.status_code == 413


def test_what_does_not_come_is_not_waited_for_for_ever() -> None:
    with pytest.raises(HTTPException) as refused:
        read([part(b"abc", more=True)], most_seconds=0.01)
    assert refused.value.status_code == 408
