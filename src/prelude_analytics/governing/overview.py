"""What the screen of governance shows, asked on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_analytics.governing import lists, shapes
from prelude_analytics.governing.state import now_of, state
from prelude_store.governance import requests
from prelude_store.governance.absent import AbsentError

if TYPE_CHECKING:
    from prelude_analytics.governing.jobs import Jobs
    from prelude_analytics.settings import Settings
    from prelude_store.connection import Connection

__all__ = ["Overview", "Wanted", "overview"]

_FEW: Final = 12
_ACTS: Final = 15
_SOME: Final = 50


class Wanted(NamedTuple):
    """What of it is asked for.

    Args:
        closed: requests that are closed, in the place of open ones.
        cursor: of their list.
        opened: the request that is shown beside the list.
    """

    closed: bool = False
    cursor: str | None = None
    opened: int | None = None


class Overview(NamedTuple):
    """All of it.

    Args:
        request: that is shown beside the list; None: none, or there is none of that number.
    """

    state: shapes.State
    requests: shapes.Requests
    request: shapes.RequestShown | None
    proposals: shapes.Proposals
    policies: shapes.Policies
    holds: shapes.Holds
    receipts: shapes.Receipts
    acts: shapes.Acts


def overview(connection: Connection, settings: Settings, jobs: Jobs, wanted: Wanted) -> Overview:
    """Ask; for members of ``prelude_governor``."""
    asked = lists.RequestsQuery(state="closed" if wanted.closed else "open", cursor=wanted.cursor, limit=_SOME)
    return Overview(
        state(connection, settings),
        lists.requests_page(connection, jobs, asked),
        None if wanted.opened is None else _opened(connection, jobs, wanted.opened),
        lists.proposals_page(connection, lists.ProposalsQuery(limit=_SOME, cursor=None)),
        lists.policies_shown(connection),
        lists.holds_shown(connection),
        lists.receipts_page(connection, lists.ListQuery(limit=_FEW, cursor=None)),
        lists.acts_page(connection, lists.ListQuery(limit=_ACTS, cursor=None)),
    )


def _opened(connection: Connection, jobs: Jobs, number: int) -> shapes.RequestShown | None:
    try:
        found = requests.request(connection, number)
    except AbsentError:
        return None
    return shapes.request_shown(found, now_of(connection), jobs.progress(number))
