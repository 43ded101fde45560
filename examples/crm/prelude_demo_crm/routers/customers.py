"""Customers: the list, the search, a profile."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from prelude_demo_crm.dependencies import TheStore
from prelude_demo_crm.schemas import Customer, CustomerProfile, SearchResults
from prelude_otel import activity

router = APIRouter(prefix="/customers", tags=["customers"])


@router.get("")
@activity("crm.view_customers_list", fields={"customer_count": len})
def list_customers(store: TheStore) -> list[Customer]:
    """All customers."""
    return store.customers()


@router.get("/search")
@activity("crm.search_customers", fields={"search_query": "q"})
def search_customers(q: Annotated[str, Query(min_length=1, max_length=200)], store: TheStore) -> SearchResults:
    """Customers whose name, company or address contains `q`."""
    found = store.search_customers(q)
    return SearchResults(results_count=len(found), customers=found)


@router.get("/{customer_id}")
@activity("crm.view_customer")
def view_customer(customer_id: int, store: TheStore) -> CustomerProfile:
    """A customer and their deals."""
    customer = store.customer(customer_id)
    return CustomerProfile(**customer.model_dump(), deals=store.deals_with(customer_id))
