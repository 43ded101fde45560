"""Paths: what people do after what, or before it, drawn as a flow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.asked_paths import ANY_ACTION, THE_END, THE_OTHERS
from prelude_dashboard import names
from prelude_dashboard.flows import Joint, Stop, flow
from prelude_dashboard.names import Named, askable, names_of
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.timeline.asked_paths import PathsShown, VisitShown
    from prelude_dashboard.asking import Asking
    from prelude_dashboard.flows import Flow
    from prelude_dashboard.state import State

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("paths", "/paths", "Paths", "p", refresh=60, told="people")

NOTHING_OPEN: Final = {"open": None, "cursor": None}
"""Another flow has other visits behind it."""

_VISITS: Final = 100
_NAMES: Final = 60
_LETTERS: Final = 26
_DEPTHS: Final = (1, 2, 3, 4, 5)
_TOPS: Final = (4, 6, 8, 12)
_GAPS: Final = {"5m": 300, "30m": 1800, "2h": 7200, "12h": 43_200}
_USUAL: Final = {"depth": 3, "top": 6, "gap": "30m"}
_MOMENT: Final = timedelta(microseconds=1)


async def show(ask: Asking) -> dict[str, Any]:
    """The flow, and the visits behind a box or a band."""
    state = ask.state
    found, fault, opened = None, None, None
    summary = await ask.summary()
    try:
        opened = _opened(state["open"])
        found = await ask.paths(**_asked(state), **(opened or {}), limit=_VISITS, cursor=state["cursor"])
    except ParameterError as error:
        fault = error
    before = state["direction"] == "before"
    return {
        "found": found,
        "fault": fault,
        "opened": opened,
        "before": before,
        "flow": None if found is None else _drawn(found, leftwards=before),
        "ended": {} if found is None else _ended(found),
        "names": [name for name in names_of(summary)[:_NAMES] if askable(name)],
        "depths": _DEPTHS,
        "tops": _TOPS,
        "gaps": {"5m": "5 minutes", "30m": "30 minutes", "2h": "2 hours", "12h": "12 hours"},
        "usual": _USUAL,
        "chosen": {name: state[name] or str(usual) for name, usual in _USUAL.items()},
        "handle": handle,
        "short": short,
        "nameable": askable,
        "stretch": stretch,
        "THE_OTHERS": THE_OTHERS,
        "THE_END": THE_END,
        "ANY_ACTION": ANY_ACTION,
        "nothing_open": NOTHING_OPEN,
    }


def handle(step: int, action: str | None, following: str | None = "") -> str:
    """What stands for a box or a band in an address; `following` empty: wherever it went; None: to the others."""
    parts = [action or THE_OTHERS, *([] if following == "" else [following or THE_OTHERS])]
    return f"{step}~{names.written([Named(part) for part in parts])}"


def short(action: str) -> str:
    """The name of an activity, without its type, as far as there is room in a drawing."""
    name = (action.partition(".")[2] or action).replace("_", " ")
    return name if len(name) <= _LETTERS else f"{name[:_LETTERS]}…"


def stretch(visit: VisitShown) -> dict[str, Any]:
    """The range of just the two rows of a visit, or of the one."""
    moments = sorted(at for at in (visit.at, visit.next_at) if at is not None)
    return {"from_": moments[0], "to": moments[-1] + _MOMENT}


def _opened(opened: str | None) -> dict[str, Any] | None:
    if opened is None:
        return None
    step, _, rest = opened.partition("~")
    parts = [one.action for one in names.read("open", rest)]
    if not step.isdecimal() or len(step) > 1 or len(parts) not in (1, 2):
        raise ParameterError("open", opened, "it is the address of a box or a band, as the drawing links to it")
    return {"list_step": int(step), "list_action": parts[0], "list_next": parts[1] if len(parts) > 1 else None}


def _asked(state: State) -> dict[str, Any]:
    """Parameters of the route.

    Raises:
        ParameterError: a value is not allowed.
    """
    if state["direction"] not in (None, "before", "after"):
        raise ParameterError("direction", state["direction"], "it is after or before")
    gap = state["gap"] or str(_USUAL["gap"])
    if gap not in _GAPS:
        raise ParameterError("gap", gap, f"it is one of {', '.join(_GAPS)}")
    return {
        "start": state["start"],
        "direction": state["direction"] or "after",
        "depth": _one_of(state, "depth", _DEPTHS),
        "top": _one_of(state, "top", _TOPS),
        "gap": _GAPS[gap],
    }


def _one_of(state: State, name: str, allowed: tuple[int, ...]) -> int:
    wanted = state[name] or str(_USUAL[name])
    if wanted not in {str(one) for one in allowed}:
        raise ParameterError(name, wanted, f"it is one of {', '.join(str(one) for one in allowed)}")
    return int(wanted)


def _drawn(found: PathsShown, *, leftwards: bool) -> Flow:
    steps = [[Stop(node.action, node.count) for node in nodes] for nodes in found.steps if nodes]
    joints = [[Joint(link.source, link.target, link.count) for link in links] for links in found.links]
    return flow(steps, joints[: max(len(steps) - 1, 0)], leftwards=leftwards)


def _ended(found: PathsShown) -> dict[tuple[int, str | None], int]:
    """How many paths go no further, by step and action."""
    return {(step, node.action): node.ended for step, nodes in enumerate(found.steps) for node in nodes}
