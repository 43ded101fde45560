"""Policies in the database: each change of one is an act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_store.governance.acts import record_act
from prelude_store.retention.keeping import RetentionError
from prelude_store.retention.policy import ROWS, Policy, Scope, refuse_senseless

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["POLICY", "policies", "remove_policy", "set_policy"]

POLICY: Final = "policy"
"""The kind of act."""

_LOCK: Final = 0x706F6C696379  # "policy"
_ALL: Final = """
SELECT id, action_type, action_name, coalesce(class, 'rows'), keep, by_week FROM public.retention_policies
ORDER BY class NULLS FIRST, action_type NULLS FIRST, action_name NULLS FIRST
"""
_SET: Final = """
INSERT INTO public.retention_policies (action_type, action_name, class, keep, by_week, act_id) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (coalesce(action_type, ''), coalesce(action_name, ''), coalesce(class, ''))
DO UPDATE SET keep = excluded.keep, by_week = excluded.by_week, act_id = excluded.act_id, set_at = now()
"""


def policies(connection: Connection) -> list[Policy]:
    """All of them, those of all activities first; a reader's rights suffice."""
    return [
        Policy(number, Scope(action_type, action_name, what), keep, by_week)
        for number, action_type, action_name, what, keep, by_week in connection.execute(_ALL)
    ]


def set_policy(connection: Connection, lane: int, actor: str, new: Policy, reason: str | None = None) -> Policy | None:
    """Set a policy, within an open transaction; gives the one that it takes the place of.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.
        new: its id is not looked at.

    Raises:
        RetentionError: it makes no sense beside the others, or is so already.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    there = policies(connection)
    before = next((one for one in there if one.scope == new.scope), None)
    if before is not None and (before.keep, before.by_week) == (new.keep, new.by_week):
        raise RetentionError(f"{new.scope} are kept for {new.keep} already; nothing was changed")
    refuse_senseless(new, there)
    detail = _detail(new) | ({"before": before.keep} if before else {})
    act = record_act(connection, lane, POLICY, actor, detail, reason)
    cls = None if new.scope.what == ROWS else new.scope.what
    connection.execute(_SET, [new.scope.action_type, new.scope.action_name, cls, new.keep, new.by_week, act])
    return before


def remove_policy(connection: Connection, lane: int, actor: str, scope: Scope, reason: str | None = None) -> Policy:
    """Remove a policy, within an open transaction; gives the one that was there.

    Raises:
        RetentionError: there is none, or one of those that stay would make no sense without it.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    there = policies(connection)
    gone = next((one for one in there if one.scope == scope), None)
    if gone is None:
        raise RetentionError(f"there is no policy for {scope}; prelude store retain list shows those that there are")
    left = [one for one in there if one is not gone]
    for one in left:
        try:
            refuse_senseless(one, left)
        except RetentionError as error:
            raise RetentionError(f"without the policy for {scope} another one makes no sense: {error}") from None
    record_act(connection, lane, POLICY, actor, _detail(gone) | {"removed": True}, reason)
    connection.execute("DELETE FROM public.retention_policies WHERE id = %s", [gone.id])
    return gone


def _detail(policy: Policy) -> dict[str, Any]:
    scope = policy.scope
    named = {"type": scope.action_type, "name": scope.action_name, "what": scope.what, "keep": policy.keep}
    return {name: value for name, value in named.items() if value is not None} | (
        {"by_week": True} if policy.by_week else {}
    )
