"""Rows of the log that are changed by their keys, a batch of them: one look into an index for each, whatever the planner believes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection

__all__ = ["one_by_one"]

_SET: Final = """
SELECT set_config(name, %s, true) FROM unnest('{enable_hashjoin,enable_mergejoin,enable_seqscan}'::text[]) AS settings (name)
"""


@contextmanager
def one_by_one(connection: Connection) -> Iterator[None]:
    """Inside, joins go by indexes.

    A statement that joins a batch with the log gives no bounds of time beside the keys: of a week without statistics the planner believes that
    any stretch holds a few rows, and compares each of those with all of the batch, which takes the square of it. Without bounds it has
    nothing but the keys; and what it plans for all partitions is kept, since the statement is prepared.
    """
    connection.execute(_SET, ["off"])
    yield
    connection.execute(_SET, ["on"])
