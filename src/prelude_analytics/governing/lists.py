"""Lists of governance, page by page: a cursor is the place behind which the next page begins."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from prelude_analytics.asking import LimitQuery
from prelude_analytics.cursors import pack, unpack
from prelude_analytics.governing import shapes
from prelude_analytics.governing.state import now_of
from prelude_analytics.parameters import ParameterError
from prelude_store.governance import history, proposals, receipts, requests
from prelude_store.governance.holds import holds
from prelude_store.retention.plan import plan
from prelude_store.retention.policies import policies

if TYPE_CHECKING:
    from prelude_analytics.governing.jobs import Jobs
    from prelude_store.connection import Connection

__all__ = [
    "ListQuery", "ProposalsQuery", "RequestsQuery", "acts_page", "holds_shown", "plan_shown", "policies_shown", "proposals_page",
    "receipts_page", "requests_page",
]  # fmt: skip

_MOST_ID: Final = 2**63 - 1
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2300
_ALLOWED: Final = "it is next_cursor of the page before"
_OPEN: Final = "open requests"
_CLOSED: Final = "closed requests"


class ListQuery(LimitQuery):
    """A page of a list."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class RequestsQuery(ListQuery):
    """Which requests."""

    state: str = Field(
        default="open", description="Open ones, or closed ones.", json_schema_extra={"enum": ["open", "closed"]}
    )


class ProposalsQuery(ListQuery):
    """Which proposals."""

    state: str = Field(
        default="waiting",
        description="Those that wait, or those that do not any more.",
        json_schema_extra={"enum": ["waiting", "decided"]},
    )


def requests_page(connection: Connection, jobs: Jobs, query: RequestsQuery) -> shapes.Requests:
    """The answer to ``GET /governance/requests``."""
    if _chosen(query.state, ("open", "closed")) == "closed":
        found = requests.requests(connection, closed=True, limit=query.limit, before=_before(query.cursor, _CLOSED))
        following = _next(found, query.limit, _CLOSED)
    else:
        found = requests.requests(connection, closed=False, limit=query.limit, after=_due(query.cursor))
        last = found[-1] if len(found) == query.limit else None
        following = last and pack({"list": _OPEN, "at": last.id, "due": last.due_at.isoformat()})
    now = now_of(connection)
    return shapes.Requests(
        items=[shapes.request_shown(one, now, jobs.progress(one.id)) for one in found], next_cursor=following
    )


def proposals_page(connection: Connection, query: ProposalsQuery) -> shapes.Proposals:
    """The answer to ``GET /governance/proposals``."""
    if _chosen(query.state, ("waiting", "decided")) == "waiting":
        after = 0 if query.cursor is None else _before(query.cursor, "proposals")
        found = proposals.proposals(connection, waiting=True, limit=query.limit, after=after)
    else:
        found = proposals.proposals(
            connection, waiting=False, limit=query.limit, before=_before(query.cursor, "decided proposals")
        )
    name = "proposals" if query.state == "waiting" else "decided proposals"
    items = [shapes.proposal_shown(one) for one in found]
    return shapes.Proposals(items=items, next_cursor=_next(found, query.limit, name))


def receipts_page(connection: Connection, query: ListQuery) -> shapes.Receipts:
    """The answer to ``GET /governance/receipts``."""
    found = receipts.receipts(connection, limit=query.limit, before=_before(query.cursor, "receipts"))
    return shapes.Receipts(
        items=[shapes.receipt_shown(one) for one in found], next_cursor=_next(found, query.limit, "receipts")
    )


def acts_page(connection: Connection, query: ListQuery) -> shapes.Acts:
    """The answer to ``GET /governance/acts``."""
    found = history.acts(connection, limit=query.limit, before=_before(query.cursor, "acts"))
    return shapes.Acts(items=[shapes.act_shown(one) for one in found], next_cursor=_next(found, query.limit, "acts"))


def policies_shown(connection: Connection) -> shapes.Policies:
    """The answer to ``GET /governance/policies``."""
    now = now_of(connection)
    return shapes.Policies(items=[shapes.policy_shown(one, now) for one in policies(connection)])


def holds_shown(connection: Connection, *, all_of_them: bool = False) -> shapes.Holds:
    """The answer to ``GET /governance/holds``."""
    return shapes.Holds(items=[shapes.hold_shown(one) for one in holds(connection, all_of_them=all_of_them)])


def plan_shown(connection: Connection) -> shapes.Plan:
    """The answer to ``GET /governance/plan``: reads all of the log that is old enough."""
    found = plan(connection)
    going = {one.id: 0 for one in found.policies}
    for week in found.weeks:
        for (number, _), rows in week.going.items():
            going[number] += rows
    return shapes.Plan(
        at=found.now,
        policies=[
            shapes.PlanPolicy(policy=shapes.policy_shown(one, found.now), going=going[one.id]) for one in found.policies
        ],
        weeks=[
            shapes.PlanWeek(
                **{"from": week.week.starts, "to": week.week.ends}, rows=week.rows, drop=week.drop, going=sum(week.going.values()),
                held=sum(week.held.values()), waiting=week.waiting,
            )
            for week in found.weeks
        ],
    )  # fmt: skip


def _chosen(state: str, known: tuple[str, ...]) -> str:
    if state not in known:
        raise ParameterError("state", state, f"it is one of {', '.join(known)}")
    return state


def _next(found: list[Any], limit: int, name: str) -> str | None:
    return pack({"list": name, "at": found[-1].id}) if len(found) == limit else None


def _at(cursor: str, name: str, *more: str) -> dict[str, Any]:
    """The place that a cursor of the list `name` tells."""
    place = unpack("cursor", cursor, "list", "at", *more)
    if place["list"] != name or type(place["at"]) is not int or not 0 <= place["at"] <= _MOST_ID:
        raise ParameterError("cursor", cursor, _ALLOWED)
    return place


def _before(cursor: str | None, name: str) -> int:
    return _MOST_ID if cursor is None else int(_at(cursor, name)["at"])


def _due(cursor: str | None) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    place = _at(cursor, _OPEN, "due")
    try:
        due = datetime.fromisoformat(place["due"])
    except (TypeError, ValueError):
        due = None
    if due is None or due.tzinfo is None or not _FIRST_YEAR <= due.year <= _LAST_YEAR:
        raise ParameterError("cursor", cursor, _ALLOWED)
    return due, place["at"]
