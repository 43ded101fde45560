"""The routes, by subject. All of them are under ``/crm`` and need a user."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from prelude_demo_crm.routers import customers, deal_activities, deals, email, summaries
from prelude_demo_crm.users import current_user

crm = APIRouter(prefix="/crm", dependencies=[Depends(current_user)])
for subject in (customers, summaries, deals, deal_activities, email):
    crm.include_router(subject.router)
