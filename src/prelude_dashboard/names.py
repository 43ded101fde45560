"""Names of activities in an address, one behind the other: ``crm.view_deal~crm.send_email-error``; pure functions.

What is no plain letter in a name is written as its bytes, so that neither ``~`` nor ``-`` stands in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

from prelude_analytics.parameters import ParameterError
from prelude_analytics.statuses import ORDER
from prelude_dashboard.state import CUT

if TYPE_CHECKING:
    from prelude_analytics.answers.summary import Summary

__all__ = ["Named", "askable", "moved", "names_of", "read", "written"]

_LONGEST: Final = 200
_PLAIN: Final = re.compile(r"[~-]")


class Named(NamedTuple):
    """An activity, and with which result; None: any."""

    action: str
    status: str | None = None


def askable(action: str) -> bool:
    """Whether the API takes a name, as ``type.name``, in questions about what follows what: figures cut what is very long."""
    return len(action.partition(".")[2]) <= _LONGEST and not CUT.search(action)


def names_of(summary: Summary) -> list[str]:
    """What was done, as ``type.name``; the most frequent first."""
    return [f"{one.action_type}.{one.action_name}" for one in summary.by_action]


def read(parameter: str, text: str | None) -> list[Named]:
    """The names in the value of a parameter; none where it is not given.

    Raises:
        ParameterError: a result is none of the four.
    """
    found = []
    for part in (text or "").split("~"):
        name, _, status = part.partition("-")
        if status and status not in ORDER:
            raise ParameterError(parameter, text, f"behind a name stands nothing, or one of -{', -'.join(ORDER)}")
        if name:
            found.append(Named(unquote(name), status or None))
    return found


def written(names: Iterable[Named]) -> str | None:
    """As an address has them; None for none."""
    return "~".join(_written(name) for name in names) or None


def moved(names: Sequence[Named], place: int, by: int) -> list[Named]:
    """With one of them `by` places further on; 0 takes it away."""
    rest = [*names[:place], *names[place + 1 :]]
    if by:
        rest.insert(place + by, names[place])
    return rest


def _written(name: Named) -> str:
    plain = _PLAIN.sub(lambda found: f"%{ord(found[0]):02X}", quote(name.action, safe="", errors="replace"))
    return f"{plain}-{name.status}" if name.status else plain
