"""A page of people behind a figure, by address."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["page_of"]


def page_of(emails: Mapping[int, str], limit: int, after: str) -> tuple[list[tuple[str, int]], bool]:
    """Addresses and numbers of the next people, and whether there are more.

    Args:
        emails: of all of them, by number.
        limit: people at most.
        after: address of the last one of the page before; empty: from the first.
    """
    following = sorted((email, user) for user, email in emails.items() if email > after)
    return following[:limit], len(following) > limit
