"""A connection that answers the questions of a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_store.audit.report import Steps
    from prelude_store.connection import Connection

__all__ = ["PLANS", "SESSION", "carried_out"]

PLANS: Final = {"jit": "off", "plan_cache_mode": "force_custom_plan", "enable_sort": "off", "enable_bitmapscan": "off"}
"""Settings by which rows come in the order of an index, also where the planner knows nothing of a week that is new."""
SESSION: Final = PLANS | {"default_transaction_read_only": "on"}
"""Settings of a connection that answers."""


def carried_out(connection: Connection, steps: Steps) -> Iterator[bytes]:
    """The bytes of a report, as they come; a transaction for each question.

    Args:
        connection: in autocommit mode, of a member of ``prelude_reader`` or ``prelude_governor``.
    """
    answer = None
    try:
        while True:
            step = steps.send(answer)
            answer = None
            if isinstance(step, bytes):
                yield step
            else:
                answer = connection.execute(step.statement.encode(), step.parameters).fetchall()
    except StopIteration:
        return
