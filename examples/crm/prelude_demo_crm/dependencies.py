"""The parts that handlers ask for by type."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from prelude_demo_crm.agent import Agent
from prelude_demo_crm.mailer import Mailer
from prelude_demo_crm.store import Store


async def _store(request: Request) -> Store:
    return cast("Store", request.app.state.store)


async def _agent(request: Request) -> Agent:
    return cast("Agent", request.app.state.agent)


async def _mailer(request: Request) -> Mailer:
    return cast("Mailer", request.app.state.mailer)


TheStore = Annotated[Store, Depends(_store)]
TheAgent = Annotated[Agent, Depends(_agent)]
TheMailer = Annotated[Mailer, Depends(_mailer)]
