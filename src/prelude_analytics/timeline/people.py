"""A page of people behind a figure, by address."""

from __future__ import annotations

from collections.abc import Mapping

from prelude_analytics.cursors import pack, unpack
from prelude_analytics.parameters import ParameterError

__all__ = ["page_of"]


def page_of(
    emails: Mapping[int, str], limit: int, cursor: str | None, parameter: str
) -> tuple[list[tuple[str, int]], str | None]:
    """Addresses and numbers of the next people, and the cursor behind them where there are more.

    Args:
        emails: of all of them, by number.
        limit: people at most.
        cursor: behind which page; None: from the first.
        parameter: where the cursor stood.

    Raises:
        ParameterError: the cursor is none of ours.
    """
    after = "" if cursor is None else _place(parameter, cursor)
    following = sorted((email, user) for user, email in emails.items() if email > after)
    page = following[:limit]
    return page, pack({"after": page[-1][0]}) if len(following) > len(page) else None


def _place(parameter: str, cursor: str) -> str:
    after = unpack(parameter, cursor, "after")["after"]
    if not isinstance(after, str):
        raise ParameterError(parameter, cursor, "it is the next_cursor of the page before")
    return after
