"""What operators ask: is it alive, can it answer, how does it fare. Nothing here is about people."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from prelude_analytics.metrics import CONTENT_TYPE

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> dict[str, bool]:
    """The process serves."""
    return {"alive": True}


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Answers can be given; if not, why not, and 503."""
    why_not = request.app.state.readiness.why_not
    return JSONResponse({"ready": why_not is None, "why_not": why_not or ""}, 200 if why_not is None else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    state = request.app.state
    state.metrics.show_state(ready=state.readiness.why_not is None, freshness=state.readiness.freshness)
    return Response(state.metrics.exposition(), media_type=CONTENT_TYPE)
