"""What a list has beyond what the rollups have counted: so that of all else they can tell where it is, and which pending rows have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_analytics import queries
from prelude_analytics.sources import between, fetch, in_lanes

if TYPE_CHECKING:
    from uuid import UUID

    from prelude_analytics.cursors import Watermark
    from prelude_analytics.figures.reading import Reading

__all__ = ["Uncounted", "uncounted"]

_MOST: Final = 5_000
"""Rows that the rollups have not counted; where there are more, they are not looked at."""
_OVERTAKEN: Final = 20_000
"""Rows that the rollups have counted, and the list does not show; as above."""


class Uncounted(NamedTuple):
    """Rows of a list that the rollups have not counted.

    Attributes:
        hours: in which they lie; seconds since 1970.
        actions: type and name of what was done.
        kinds: of things that it was done to.
        ended: pending rows that they end; of those which counted rows end, ``superseded_rows`` tells.
        let_go: whether the rollups may have let go of rows that are pending still in the list.
        rebuilding: whether the rollups are being made anew, and do not tell where rows are.
    """

    hours: list[int]
    actions: frozenset[tuple[str, str]]
    kinds: frozenset[str]
    ended: list[UUID]
    let_go: bool
    rebuilding: bool


async def uncounted(reading: Reading, asked: Watermark) -> Uncounted | None:
    """What a list as of a watermark has beyond the rollups; None: too much to look at, or there is too much that it has not."""
    counted, _ = await reading.counted(asked.cut)
    behind, ahead = between(counted, asked), between(asked, counted)
    if sum(last - first for _, first, last in behind) > _MOST:
        return None
    if sum(last - first for _, first, last in ahead) > _OVERTAKEN:
        return None
    rebuilding = await reading.rebuilding()
    if not behind and not ahead:
        return Uncounted([], frozenset(), frozenset(), [], let_go=False, rebuilding=rebuilding)
    statement = queries.load("uncounted_rows", uncounted=in_lanes(behind), overtaken=in_lanes(ahead))
    (found,) = await fetch(reading.connection, statement, {})
    return Uncounted(
        found["hours"],
        frozenset((kind, name) for kind, name in found["actions"]),
        frozenset(found["kinds"]),
        found["ended"],
        let_go=found["let_go"],
        rebuilding=rebuilding,
    )
