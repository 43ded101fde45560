"""The acts that a run's removals and erasures belong to: one for each policy that takes anything."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prelude_store.governance.acts import record_act

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.retention.policy import Policy

__all__ = ["EXPIRE", "Acts"]

EXPIRE: Final = "expire"
"""The kind of act."""


class Acts:
    """Records the act of a policy in the transaction of the first batch that needs it.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.
        actor: as `acts.record_act`.
        now: that is judged by.
    """

    def __init__(
        self, connection: Connection, lane: int, actor: str, policies: Sequence[Policy], now: datetime
    ) -> None:
        self._connection, self._lane, self._actor = connection, lane, actor
        self._policies = {policy.id: policy for policy in policies}
        self._now = now
        self._committed: dict[int, int] = {}
        self._new: dict[int, int] = {}

    @contextmanager
    def within(self) -> Iterator[None]:
        """Around each transaction: what it recorded counts once it is committed."""
        self._new = {}
        yield
        self._committed |= self._new

    def of(self, policy: int) -> int:
        """The act of the policy of that id."""
        known = self._committed.get(policy) or self._new.get(policy)
        if known is None:
            known = self._new[policy] = self._record(self._policies[policy])
        return known

    def _record(self, policy: Policy) -> int:
        scope, before = policy.scope, policy.cutoff(self._now)
        detail = {
            "policy": policy.id, "type": scope.action_type, "name": scope.action_name, "what": scope.what, "keep": policy.keep,
            "before": before and before.isoformat(),
        }  # fmt: skip
        told = {name: value for name, value in detail.items() if value is not None}
        return record_act(self._connection, self._lane, EXPIRE, self._actor, told)
