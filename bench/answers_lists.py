"""How long pages of lists take: of the list of activities under every filter, and of other lists."""

from __future__ import annotations

import time
from statistics import quantiles
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    import httpx

__all__ = ["LISTS", "RANKED", "Times", "pages", "shown"]

LISTS: Final[dict[str, dict[str, str]]] = {
    "all": {},
    "user_email": {"user_email": "{user_email}"},
    "user_email, error": {"user_email": "{user_email}", "result_status": "error"},
    "user_email, q": {"user_email": "{user_email}", "q": "acme"},
    "action_type": {"action_type": "crm"},
    "action_name": {"action_name": "send_email"},
    "action_name, rare": {"action_name": "delete_deal_call_summary"},
    "action_name, none": {"action_name": "no_such_action"},
    "action_name, error": {"action_name": "send_email", "result_status": "error"},
    "action_name, timeout": {"action_name": "send_email", "result_status": "timeout"},
    "type, name, error": {"action_type": "crm", "action_name": "delete_deal", "result_status": "error"},
    "entity_type": {"entity_type": "deal"},
    "entity": {"entity_type": "deal", "entity_id": "10500"},
    "entity_id": {"entity_id": "10500"},
    "error": {"result_status": "error"},
    "timeout": {"result_status": "timeout"},
    "pending": {"result_status": "pending"},
    "service_name": {"service_name": "crm-worker"},
    "service_name, none": {"service_name": "no-such-service"},
    "page_route": {"page_route": "/crm/deals"},
    "page_route, error": {"page_route": "/crm/deals", "result_status": "error"},
    "action_group": {"action_group": "deals"},
    "email_method": {"email_method": "smtp"},
    "customer_id": {"customer_id": "500"},
    "deal_value": {"deal_value": "unknown"},
    "user_email, session_id": {"user_email": "{user_email}", "session_id": "{session_id}"},
    "session_id": {"session_id": "{session_id}"},
    "tag": {"tag": "key_account"},
    "tag, none": {"tag": "no-such-tag"},
    "q": {"q": "acme"},
    "q, none": {"q": "no such text"},
    "q, error": {"q": "acme", "result_status": "error"},
    "weekday, hour": {"weekday": "1", "hour": "9"},
}
"""Filters of the list of activities. What stands in braces is that of a row of the log."""
RANKED: Final = ("/users", "/customers", "/emails", "/pages", "/sessions")
PAGES: Final = (1, 20, 200)
"""The numbers of the pages whose time is taken; those before lead there."""

Times = list[float]
"""Milliseconds."""


class _List(NamedTuple):
    name: str
    path: str
    asked: dict[str, str]


class _Page(NamedTuple):
    milliseconds: float
    short: bool
    following: str | None


def shown(times: Times) -> str:
    """p50 and p95."""
    if not times:
        return f"{'-':>8}{'-':>8}"
    cuts = quantiles(times if len(times) > 1 else times * 2, n=20, method="inclusive")
    return f"{cuts[9]:8.1f}{cuts[18]:8.1f}"


def pages(client: httpx.Client, rounds: int, only: Collection[str] = ()) -> None:
    """The table of pages of 50. Under "all" are the pages that lead to the last one of `PAGES`, each asked for the first time.

    Args:
        only: names of lists; none: all of them.
    """
    row = client.get("/api/analytics/sessions", params={"days": 90, "limit": 1}).raise_for_status().json()["items"][0]
    lists = [
        _List(name, "/recent-activities", {key: value.format_map(row) for key, value in filters.items()})
        for name, filters in LISTS.items()
    ]
    lists += [_List(path, path, {}) for path in RANKED]
    headings = "".join(f"{f'page {number}':>8}{'p95':>8}" for number in PAGES)
    print(f"\n{'pages of lists':24}{headings}{'all':>8}{'p95':>8}{'pages':>7}{'short':>7}")
    for one in lists:
        if not only or one.name in only:
            try:
                print(f"  {one.name:22}{_measured(client, one, rounds)}", flush=True)
            except LookupError as error:
                print(f"  {one.name:22}  {error}")


def _measured(client: httpx.Client, one: _List, rounds: int) -> str:
    """The line of one list."""
    every, cursors = _walked(client, one)
    taken: dict[int, Times] = {number: [] for number in PAGES}
    for _ in range(rounds):
        for number in PAGES:
            if number <= len(cursors):
                taken[number].append(_ask(client, one, cursors[number - 1]).milliseconds)
    figures = "".join(shown(times) for times in (*taken.values(), [page.milliseconds for page in every]))
    return f"{figures}{len(every):7}{sum(page.short for page in every):7}"


def _walked(client: httpx.Client, one: _List) -> tuple[list[_Page], list[str | None]]:
    """Each page up to the last of `PAGES`, and the cursors of these."""
    found: list[_Page] = []
    cursors: list[str | None] = [None]
    while True:
        page = _ask(client, one, cursors[-1])
        found.append(page)
        if page.following is None or len(found) == max(PAGES):
            return found, cursors
        cursors.append(page.following)


def _ask(client: httpx.Client, one: _List, cursor: str | None) -> _Page:
    asked = one.asked | {"limit": "50", "days": "90"} | ({} if cursor is None else {"cursor": cursor})
    began = time.perf_counter()
    answer = client.get(f"/api/analytics{one.path}", params=asked)
    taken = (time.perf_counter() - began) * 1000
    if not answer.is_success:
        raise LookupError(f"{answer.status_code} {answer.text[:160]}")
    page = answer.json()
    return _Page(taken, page.get("searched_to") is not None, page["next_cursor"])
