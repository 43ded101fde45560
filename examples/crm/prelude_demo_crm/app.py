"""The CRM service: ``uvicorn prelude_demo_crm.app:app --port 8010``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import prelude_otel
from prelude_demo_crm import start_page
from prelude_demo_crm.agent import Agent
from prelude_demo_crm.errors import ANSWERS
from prelude_demo_crm.mailer import Mailer
from prelude_demo_crm.routers import crm
from prelude_demo_crm.settings import Settings
from prelude_demo_crm.store import Store


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database while the service runs."""
    settings = Settings.from_environment()
    store = Store(settings.database)
    app.state.store = store
    app.state.agent = Agent(settings.agent_seconds)
    app.state.mailer = Mailer(store, settings.mail_timeout)
    yield
    store.close()


app = FastAPI(title="Prelude CRM", lifespan=lifespan, exception_handlers=ANSWERS)
prelude_otel.instrument(app, service_name="crm-service")
app.include_router(start_page.router)
app.include_router(crm)
