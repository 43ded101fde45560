"""Funnels: a way through activities, built by clicking their names, and at which step people are lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from prelude_analytics.answers.funnel import Order
from prelude_analytics.parameters import ParameterError
from prelude_analytics.statuses import ORDER
from prelude_analytics.timeline.funnels import FunnelBody, GroupBody, MatchBody, PeopleBody
from prelude_dashboard import names
from prelude_dashboard.names import Named
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_analytics.answers.summary import Summary
    from prelude_analytics.timeline.funnels import Funnel
    from prelude_dashboard.asking import Asking
    from prelude_dashboard.state import State

__all__ = ["OTHERS", "SCREEN", "UNNAMED", "show"]

SCREEN: Final = Screen("funnels", "/funnels", "Funnels", "f", refresh=60, told="people")

UNNAMED: Final = "(none)"
OTHERS: Final = "(others)"
"""How groups stand in an address: the one without a value, and those that are not shown one by one."""

NOTHING_OPEN: Final = {"open": None, "group": None, "cursor": None}
"""Another funnel has other people behind it."""

_LEAST: Final = 2
_MOST: Final = 10
_MOST_NAMES: Final = 120
_GROUPS: Final = 8
_PEOPLE: Final = 100
_WINDOW: Final = re.compile(r"([1-9]\d{0,4})([mhd])\Z", re.ASCII)
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 400 * 86_400
_OPEN: Final = re.compile(r"(reached|lost)-([1-9]\d?)\Z", re.ASCII)
_WINDOWS: Final = ("1h", "1d", "7d", "14d", "30d", "90d")
_USUAL: Final = "14d"
_ORDERS: Final = {
    "ordered": ("In order", "Other activities may lie between."),
    "strict": ("One after the other", "Each step is the very next activity."),
    "any": ("In any order", "Step 2 means two of the steps."),
}
_BREAKDOWNS: Final = {
    "service_name": "Service",
    "result_status": "Result of the first step",
    "user.role": "Role",
    "entity_type": "Kind of entity",
    "page_route": "Page",
    "action_category": "Category",
}
_EXAMPLES: Final = (
    ("crm.view_customers_list", "crm.view_customer", "crm.create_deal"),
    ("crm.view_customer", "crm.generate_email", "crm.send_email"),
    ("crm.create_deal", "crm.update_deal", "crm.delete_deal"),
)


async def show(ask: Asking) -> dict[str, Any]:
    """The funnel of the address, what else it could be made of, and the people behind a number."""
    state = ask.state
    steps, without = names.read("steps", state["steps"]), names.read("without", state["without"])
    summary = await ask.summary()
    found, fault = None, None
    if len(steps) >= _LEAST:
        try:
            found = await ask.funnel(_body(state, steps, without))
        except ParameterError as error:
            fault = error
    return {
        "steps": steps,
        "without": without,
        "edit": {"steps": _editing(state, "steps", steps), "without": _editing(state, "without", without)},
        "found": found,
        "fault": fault,
        "most_lost": None if found is None else _most_lost(found),
        "offered": _offered(summary, without if state["as"] == "without" else steps),
        "examples": [] if steps else _examples(summary),
        "full": len(without if state["as"] == "without" else steps) >= _MOST,
        "order": state["order"] or "ordered",
        "orders": _ORDERS,
        "window": state["window"] or _USUAL,
        "windows": {text: said(text) for text in _WINDOWS},
        "usual": _USUAL,
        "breakdowns": _BREAKDOWNS,
        "said": said,
        "group_of": group_of,
        "written": names.written,
        "Named": Named,
        "second": timedelta(seconds=1),
        "nothing_open": NOTHING_OPEN,
    }


def said(window: str) -> str:
    """A window in words, as far as it is one."""
    match = _WINDOW.match(window)
    if match is None:
        return window
    unit = {"m": "minute", "h": "hour", "d": "day"}[match[2]]
    return f"{match[1]} {unit}" + ("" if match[1] == "1" else "s")


def group_of(value: str | None, *, rest: bool) -> str:
    """How a group of the breakdown stands in an address."""
    return OTHERS if rest else UNNAMED if value is None else value


def _editing(state: State, parameter: str, given: list[Named]) -> list[dict[str, Any]]:
    """For each name the addresses of what can be done with it; None where it can not."""

    def to(changed: list[Named]) -> str:
        return state.url(SCREEN.path, **(NOTHING_OPEN | {parameter: names.written(changed)}))

    return [
        {
            "up": to(names.moved(given, place, -1)) if place else None,
            "down": to(names.moved(given, place, 1)) if place + 1 < len(given) else None,
            "away": to(names.moved(given, place, 0)),
            "results": [
                (status, to([*given[:place], one._replace(status=status), *given[place + 1 :]]))
                for status in (None, *ORDER)
            ],
        }
        for place, one in enumerate(given)
    ]


def _body(state: State, steps: list[Named], without: list[Named]) -> FunnelBody:
    """What is asked.

    Raises:
        ParameterError: a value is not allowed.
    """
    for name, given in (("steps", steps), ("without", without)):
        if len(given) > _MOST:
            raise ParameterError(name, state[name], f"there are at most {_MOST}")
    order: Any = state["order"] or "ordered"
    if order not in get_args(Order):
        raise ParameterError("order", order, f"it is one of {', '.join(get_args(Order))}")
    return FunnelBody(
        steps=[_match(step) for step in steps],
        order=order,
        window=_seconds(state["window"] or _USUAL),
        exclusions=[_match(one) for one in without],
        breakdown=state["by"],
        top=_GROUPS,
        people=_people(state, len(steps)),
    )


def _match(one: Named) -> MatchBody:
    status: Any = one.status
    return MatchBody(actions=[one.action], result_status=status)


def _seconds(window: str) -> int:
    match = _WINDOW.match(window)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise ParameterError(
            "window", window, "it is a number of minutes, hours or days, such as 30m, 1h or 14d, up to 400d"
        )
    return seconds


def _people(state: State, steps: int) -> PeopleBody | None:
    if state["open"] is None:
        return None
    match = _OPEN.match(state["open"])
    if match is None or int(match[2]) > steps:
        raise ParameterError("open", state["open"], "it is reached-N or lost-N, and N is a step of the funnel")
    outcome: Literal["reached", "dropped"] = "reached" if match[1] == "reached" else "dropped"
    group = state["group"] if state["by"] else None
    return PeopleBody(
        step=int(match[2]),
        outcome=outcome,
        group=None
        if group is None
        else GroupBody(value=None if group in (UNNAMED, OTHERS) else group, rest=group == OTHERS),
        limit=_PEOPLE,
        cursor=state["cursor"],
    )


def _most_lost(found: Funnel) -> int | None:
    """The step, from 0, after which the most people stop; None where nobody does."""
    place = max(range(len(found.steps)), key=lambda number: found.steps[number].dropped)
    return place if found.steps[place].dropped else None


def _offered(summary: Summary, taken: Sequence[Named]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Names to choose from with their counts, by type; the most frequent first."""
    kinds: dict[str, list[tuple[str, int]]] = {}
    chosen = {one.action for one in taken}
    for one, action in zip(summary.by_action[:_MOST_NAMES], names.names_of(summary), strict=False):
        if action not in chosen and names.askable(action):
            kinds.setdefault(one.action_type, []).append((one.action_name, one.count))
    return list(kinds.items())


def _examples(summary: Summary) -> list[list[Named]]:
    """Ways that are worth a look, as far as their activities happened."""
    there = set(names.names_of(summary))
    return [[Named(name) for name in way] for way in _EXAMPLES if there.issuperset(way)]
