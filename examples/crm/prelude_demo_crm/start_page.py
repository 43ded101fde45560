"""A page with links, for people who come by browser."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Prelude CRM</title>
<style>
  body { font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }
</style>
<h1>Prelude CRM</h1>
<p>You are signed in as visitor@prelude.example. Each of these is one row in the activity log:</p>
<ul>
  <li><a href="/crm/customers">All customers</a></li>
  <li><a href="/crm/customers/search?q=acme+corp">Search for “acme corp”</a></li>
  <li><a href="/crm/customers/123">Customer 123</a></li>
  <li><a href="/crm/deals">All deals</a></li>
  <li><a href="/crm/deals/456">Deal 456</a> and <a href="/crm/deals/456/activities">what happened around it</a></li>
  <li><a href="/crm/deals/1">A deal that is not there</a></li>
</ul>
<p><a href="/docs">Everything else</a>: create, change, delete, write and send.</p>
"""


@router.get("/")
def start_page() -> HTMLResponse:
    """Links to things; signs the browser in."""
    page = HTMLResponse(_PAGE)
    page.set_cookie("user_email", "visitor@prelude.example", httponly=True, samesite="strict")
    return page
