"""What a page can do to an entry of the quarantine: forms that work without scripts. The gate has seen that a page of ours sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from prelude_analytics.access.caller import Calls, governs
from prelude_analytics.care import Cares
from prelude_analytics.problems import problem_of
from prelude_analytics.routes.system import Number, replayed
from prelude_dashboard.answer import redirect
from prelude_dashboard.state import State
from prelude_dashboard.trouble import trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["PATH", "router"]

PATH: Final = "/system"
router = APIRouter()


@router.post(f"{PATH}/{{number}}/replay")
async def replay(number: Number, request: Request, caller: Calls, care: Cares) -> Response:
    """Try an entry again, and show what became of it."""

    async def work() -> str:
        governs(caller)
        done = await replayed(care, number)
        return State().url(PATH, open=number, said=done.became)

    return await _done(request, work())


@router.post(f"{PATH}/{{number}}/discard")
async def discard(number: Number, request: Request, caller: Calls, care: Cares) -> Response:
    """Delete an entry for good."""

    async def work() -> str:
        governs(caller)
        await care.discard(number)
        return State().url(PATH, said="discarded")

    return await _done(request, work())


async def _done(request: Request, work: Awaitable[str]) -> Response:
    try:
        return redirect(await work)
    except Exception as error:  # noqa: BLE001 (problem_of logs what is no one's fault but ours)
        return trouble(request, problem_of(error, request.scope))
