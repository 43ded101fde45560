"""What is due, as SQL: policies become expressions on a row of the log. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prelude_store.governance.changes import CLASSES
from prelude_store.retention.policy import ROWS, WHATS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from prelude_store.governance.holds import Held
    from prelude_store.retention.policy import Policy

__all__ = ["DAY", "UNCOUNTED", "Due", "due"]

DAY: Final = """(log."timestamp" AT TIME ZONE 'UTC')::date"""
"""The day (UTC) of a row called ``log``."""

UNCOUNTED: Final = f"""
(coalesce(passed.seq, 0) < log.lane_seq AND (SELECT as_of IS NOT NULL FROM public.rollup_state)
OR EXISTS (
    SELECT FROM public.rollup_rebuild AS listed WHERE listed.part = 'rollups' AND listed.day = {DAY} AND NOT EXISTS (
        SELECT FROM public.retention_days AS gone WHERE gone.day = listed.day AND gone.action_type = log.action_type
            AND gone.action_name = public.prelude_key(log.action_name))))
"""  # noqa: S608 (constants)
"""Whether rollups, where they are kept at all, have still to count a row called ``log``; ``passed`` is its lane in ``rollup_cursors``."""


@dataclass(frozen=True, slots=True)
class Due:
    """Expressions on a row called ``log``.

    Attributes:
        policies: for each of `policy.WHATS` what gives the id of the policy by which it is due; NULL where it is not.
        holds: what gives the ids of the holds that keep the row; NULL where none does.
        parameters: of both.
        latest: nothing from then on is due.
        latest_rows: no row from then on is due; None where none ever is.
        cutoffs: by id of the policy; None where nothing ever is due.
    """

    policies: dict[str, str]
    holds: str
    parameters: dict[str, Any]
    latest: datetime
    latest_rows: datetime | None
    cutoffs: dict[int, datetime | None]

    @property
    def columns(self) -> str:
        """``rows_policy``, ``person_policy`` and so on, for a SELECT."""
        return ", ".join(f"{expression} AS {what}_policy" for what, expression in self.policies.items())


def due(policies: Sequence[Policy], now: datetime, held: Held | None) -> Due | None:
    """What `policies` say is due at `now`; None where that can't be anything.

    Args:
        held: of `holds.held`, for a row called ``log``.
    """
    cutoffs = {policy.id: policy.cutoff(now) for policy in policies}
    latest = max((moment for moment in cutoffs.values() if moment is not None), default=None)
    if latest is None:
        return None
    parameters: dict[str, Any] = {} if held is None else dict(held.parameters)
    for policy in policies:
        parameters |= {
            f"type_{policy.id}": policy.scope.action_type,
            f"name_{policy.id}": policy.scope.action_name,
            f"cutoff_{policy.id}": cutoffs[policy.id],
        }
    expressions = {what: _deciding(policies, what) for what in WHATS}
    for cls, columns in CLASSES.items():
        some = " OR ".join(f"log.{column} IS NOT NULL" for column in columns)
        expressions[cls] = f"CASE WHEN ({expressions[ROWS]}) IS NULL AND ({some}) THEN {expressions[cls]} END"
    of_rows = [cutoffs[policy.id] for policy in policies if policy.scope.what == ROWS]
    latest_rows = max((moment for moment in of_rows if moment is not None), default=None)
    is_held = "NULL::bigint[]" if held is None else held.sql
    return Due(expressions, is_held, parameters, latest, latest_rows, cutoffs)


def _deciding(policies: Sequence[Policy], what: str) -> str:
    """The most specific policy comes first, as `policy.winner` has it."""
    about = [policy for policy in policies if policy.scope.what == what]
    about.sort(key=lambda policy: (policy.scope.action_type is None, policy.scope.action_name is None))
    decided = "".join(f" WHEN {_about(policy)} THEN {_once(policy)}" for policy in about)
    return f"CASE{decided} END" if decided else "NULL::bigint"


def _about(policy: Policy) -> str:
    conditions = []
    if policy.scope.action_type is not None:
        conditions.append(f"log.action_type = %(type_{policy.id})s::text")
    if policy.scope.action_name is not None:
        conditions.append(f"log.action_name = %(name_{policy.id})s::text")
    return " AND ".join(conditions) or "true"


def _once(policy: Policy) -> str:
    return f'CASE WHEN log."timestamp" < %(cutoff_{policy.id})s::timestamptz THEN {policy.id}::bigint END'
