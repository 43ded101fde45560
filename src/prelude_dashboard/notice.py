"""What a page says before its figures: that nothing has come yet, or that some of what is asked for is no longer there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from prelude_dashboard.asking import Asking
    from prelude_dashboard.screen import Screen

__all__ = ["Notice", "noticed"]


class Notice(NamedTuple):
    """What there is to say.

    Attributes:
        nothing_yet: nothing was ever committed.
        kept_from: from when on all that is asked for is there; None: none of it went by retention.
        of_rows: whether figures of the page that outlive rows were counted in rows this time, since a filter asks for it.
    """

    nothing_yet: bool = False
    kept_from: datetime | None = None
    of_rows: bool = False


async def noticed(ask: Asking, screen: Screen, shown: Mapping[str, Any]) -> Notice:
    """The notice of a page that shows `shown`."""
    if not screen.told:
        return Notice()
    if await ask.nothing_yet():
        return Notice(nothing_yet=True)
    counted = shown.get("summary") or shown.get("deals")
    kept_from = await ask.kept_from(people=screen.told == "people")
    return Notice(kept_from=kept_from, of_rows=counted is not None and counted.source == "rows")
