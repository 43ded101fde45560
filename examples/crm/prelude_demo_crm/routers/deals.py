"""Deals: the list, and each from its creation to its end."""

from __future__ import annotations

from fastapi import APIRouter, status

from prelude_demo_crm.dependencies import TheStore
from prelude_demo_crm.schemas import Deal, DealChanges, DealIn
from prelude_demo_crm.users import CurrentUser
from prelude_otel import activity, current_activity

router = APIRouter(prefix="/deals", tags=["deals"])


@router.get("")
@activity("crm.view_deals_list", fields={"deal_count": len})
def list_deals(store: TheStore) -> list[Deal]:
    """All deals, newest first."""
    return store.deals()


@router.post("", status_code=status.HTTP_201_CREATED)
@activity("crm.create_deal")
def create_deal(deal: DealIn, user: CurrentUser, store: TheStore) -> Deal:
    """Begin a deal with a customer."""
    return store.create_deal(deal, owner=user)


@router.get("/{deal_id}")
@activity("crm.view_deal")
def view_deal(deal_id: int, store: TheStore) -> Deal:
    """One deal."""
    deal = store.deal(deal_id)
    current_activity().set(customer_id=deal.client_id)
    return deal


@router.patch("/{deal_id}")
@activity("crm.update_deal", fields={"updated_fields": "changes"})
def update_deal(deal_id: int, changes: DealChanges, store: TheStore) -> Deal:
    """Change some fields of a deal."""
    return store.update_deal(deal_id, changes)


@router.delete("/{deal_id}", status_code=status.HTTP_204_NO_CONTENT)
@activity("crm.delete_deal")
def delete_deal(deal_id: int, store: TheStore) -> None:
    """Remove a deal with all that happened around it."""
    store.delete_deal(deal_id)
