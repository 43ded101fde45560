"""A policy: of which activities, and of what of them, how much is kept for how long; and which of several wins. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_store.governance.changes import CLASSES
from prelude_store.retention.keeping import FOREVER, RetentionError, cutoff, days_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["ROWS", "WHATS", "Policy", "Scope", "refuse_senseless", "scope_of", "winner"]

ROWS: Final = "rows"
"""What a policy without a class is about."""
WHATS: Final = (ROWS, *CLASSES)
"""What may go: whole rows, or the columns of a class."""

_LONGEST_NAME: Final = 256


class Scope(NamedTuple):
    """Which activities, and what of them.

    Args:
        action_type: None for all.
        action_name: None for all of the type.
        what: of `WHATS`.
    """

    action_type: str | None
    action_name: str | None
    what: str

    def __str__(self) -> str:
        """As messages show it."""
        whose = ".".join(part for part in (self.action_type, self.action_name) if part) or "all activities"
        return f"rows of {whose}" if self.what == ROWS else f"columns of class {self.what} of {whose}"

    def holds(self, other: Scope) -> bool:
        """Whether all that `other` is about is among what this one is about, rows or columns aside."""
        return self.action_type in {None, other.action_type} and self.action_name in {None, other.action_name}


class Policy(NamedTuple):
    """A policy as it stands in the database.

    Args:
        keep: as `keeping.parse_keep` gives it.
        by_week: weeks go as a whole.
    """

    id: int
    scope: Scope
    keep: str
    by_week: bool = False

    def cutoff(self, now: datetime) -> datetime | None:
        """What is from before this moment is due; None where nothing ever is."""
        return cutoff(self.keep, now, by_week=self.by_week)


def scope_of(action_type: str | None, action_name: str | None, cls: str | None) -> Scope:
    """The scope that is asked for.

    Raises:
        RetentionError: there is no such type or class, or a name stands alone.
    """
    if action_type is not None and action_type not in ACTION_TYPES:
        raise RetentionError(f"there is no action type {action_type!r}; there are {', '.join(sorted(ACTION_TYPES))}")
    if action_name is not None and action_type is None:
        raise RetentionError(f"the name {action_name!r} needs its type: --type crm --name send_email")
    if action_name is not None and not 0 < len(action_name.encode()) <= _LONGEST_NAME:
        raise RetentionError(f"a name of an activity has 1 to {_LONGEST_NAME} bytes, not {len(action_name.encode())}")
    if cls is not None and cls not in CLASSES:
        raise RetentionError(f"there is no class {cls!r}; there are {', '.join(CLASSES)}")
    return Scope(action_type, action_name, cls or ROWS)


def winner(policies: Iterable[Policy], what: str, action_type: str, action_name: str) -> Policy | None:
    """The policy that decides: that of type and name, else that of the type, else that of all; None where there is none."""
    asked = Scope(action_type, action_name, what)
    applying = [policy for policy in policies if policy.scope.what == what and policy.scope.holds(asked)]
    return max(applying, key=lambda policy: _specific(policy.scope), default=None)


def refuse_senseless(new: Policy, others: Iterable[Policy]) -> None:
    """Refuse `new` where it would never let anything go, or would keep another policy from ever doing so.

    Raises:
        RetentionError: so it is; says which policy stands against it.
    """
    others = [policy for policy in others if policy.scope != new.scope]
    together = [*others, new]
    if new.keep == FOREVER:
        broader = [one for one in others if one.scope.what == new.scope.what and one.scope.holds(new.scope)]
        if not any(one.keep != FOREVER for one in broader):
            raise RetentionError(
                f"no policy would let {new.scope} go, so there is nothing to keep {FOREVER}; without a policy all is kept"
            )
        return
    for columns in together:
        if columns.scope.what == ROWS or columns.keep == FOREVER:
            continue
        if new not in (columns, *_rows_within(columns.scope, together)):
            continue
        rows = _longest_kept(columns.scope, together)
        if rows is not None and days_of(rows.keep) <= days_of(columns.keep):
            said = (
                f"{columns.scope} would be kept for {columns.keep}, and never go: the {rows.scope} go after {rows.keep}"
            )
            remedy = (
                "choose a shorter time"
                if columns is new
                else f"remove that policy first ({_how_to_name(columns.scope)})"
            )
            raise RetentionError(f"{said}; {remedy}")


def _specific(scope: Scope) -> int:
    return (scope.action_type is not None) + (scope.action_name is not None)


def _rows_within(scope: Scope, policies: Iterable[Policy]) -> list[Policy]:
    """Policies of rows that decide for some of `scope`: those within it, and the one that holds all of it."""
    rows = [policy for policy in policies if policy.scope.what == ROWS]
    around = max((one for one in rows if one.scope.holds(scope)), key=lambda one: _specific(one.scope), default=None)
    return [*([around] if around else []), *(one for one in rows if scope.holds(one.scope) and one is not around)]


def _longest_kept(scope: Scope, policies: Iterable[Policy]) -> Policy | None:
    """Of the policies that decide for rows of `scope` the one that keeps them longest; None where some rows are of no policy."""
    within = _rows_within(scope, policies)
    if not any(policy.scope.holds(scope) for policy in within):
        return None
    return max(within, key=lambda policy: days_of(policy.keep))


def _how_to_name(scope: Scope) -> str:
    given = {"--type": scope.action_type, "--name": scope.action_name, "--class": scope.what}
    return "prelude store retain remove " + " ".join(f"{flag} {value}" for flag, value in given.items() if value)
