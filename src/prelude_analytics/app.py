"""The application: routes, and what they stand on, from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from prelude_analytics import pages, probes, problems, routes
from prelude_analytics.access.access import Access
from prelude_analytics.access.gate import Gate
from prelude_analytics.answers.exporter import Probe
from prelude_analytics.care import Care
from prelude_analytics.database import Database
from prelude_analytics.edge import Edge
from prelude_analytics.figures.memory import Memory
from prelude_analytics.figures.reading import Remembered
from prelude_analytics.governing.office import Office
from prelude_analytics.keeping import kept
from prelude_analytics.metrics import Metrics
from prelude_analytics.openapi import described
from prelude_analytics.readiness import Readiness
from prelude_analytics.sealing import sealed
from prelude_analytics.timeline.memory import Memory as TimelineMemory
from prelude_analytics.timeline.warming import warm_up as warm_up_timeline
from prelude_analytics.warming import warm_up

if TYPE_CHECKING:
    from prelude_analytics.access.audit import Recorder
    from prelude_analytics.settings import Settings

__all__ = ["PREFIX", "make_app"]

PREFIX: Final = "/api/analytics"
"""Before the path of every route of the API."""

_DESCRIPTION: Final = "Who did what, when, with what result, and how long it took. Every answer needs a credential, which decides whose activities it shows."

_NO_TELEMETRY: Final[Any] = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own, where it has any: its spans would carry what is asked for, addresses and words, to wherever traces go."""


def make_app(settings: Settings, recorder: Recorder | None = None) -> FastAPI:
    """An application that is not started yet. It starts whether or not the database is there.

    Args:
        settings: of the process.
        recorder: told of what is read.
    """
    modules = [import_module(f"{routes.__name__}.{name}") for name in routes.MODULES]
    app = FastAPI(
        title="Prelude analytics",
        version=version("prelude-otel"),
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=partial(_lifespan, modules),
        telemetry=_NO_TELEMETRY,
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.access = Access(settings)
    app.state.recorder = recorder
    app.state.care = Care(settings)
    app.state.office = Office(app.state.care, settings)
    app.state.exporter = Probe(settings.exporter_url)
    problems.handle(app)
    app.include_router(probes.router)
    for module in modules:
        app.include_router(module.router, prefix=PREFIX)
    beside = pages.found()
    for each in beside:
        each.install(app)
    app.openapi = described(app, f"{PREFIX}/session")  # type: ignore[method-assign]
    # The last one added is the outermost.
    app.add_middleware(
        Gate, settings=settings, access=app.state.access, prefix=PREFIX, recorder=recorder, pages=tuple(beside)
    )
    app.add_middleware(Edge, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _lifespan(modules: list[Any], app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        database = app.state.database = await Database.open(settings)
        stack.push_async_callback(database.close)
        stack.push_async_callback(asyncio.to_thread, app.state.office.jobs.end)
        await stack.enter_async_context(running(app.state.office.ask_for_four_eyes()))
        half = settings.memory * 1024 * 1024 // 2
        figures = app.state.figures = Remembered(database, Memory(half))
        app.state.timeline = TimelineMemory(half)
        access: Access = app.state.access
        await access.credentials.open()
        stack.push_async_callback(access.credentials.close)
        readiness = app.state.readiness = Readiness(database)
        await stack.enter_async_context(running(readiness.watch()))
        await stack.enter_async_context(running(access.validity.watch()))
        await stack.enter_async_context(kept(database.conninfo, settings, app.state.metrics))
        await stack.enter_async_context(sealed(database.conninfo, settings, app.state.metrics.registry))
        if settings.warm_up:
            await stack.enter_async_context(running(warm_up(figures, settings)))
            await stack.enter_async_context(running(warm_up_timeline(database, app.state.timeline)))
        for module in modules:
            if hasattr(module, "lifespan"):
                await stack.enter_async_context(module.lifespan(app))
        yield


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    """Run the coroutine `work` beside what is inside; cancelled at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _operation_id(route: APIRoute) -> str:
    """The name of the function: what a generated client calls it."""
    return route.name
