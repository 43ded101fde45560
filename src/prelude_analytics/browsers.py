"""Browsers by names that people know, out of user agents: the same in statements and of rows as they commit.

A browser says that it is all those which came before it, so the first marker that is found decides. What is no browser goes by the name
that it gives itself, such as ``curl``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

__all__ = ["browser_of", "expression"]

Rules: TypeAlias = Sequence[tuple[str, tuple[str, ...]]]

_BROWSERS: Final[Rules] = (
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/")),
    ("Opera", ("OPR/", "Opera")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "CriOS/")),
    ("Safari", ("Safari/",)),
)
_SYSTEMS: Final[Rules] = (
    ("iPhone", ("iPhone",)),
    ("iPad", ("iPad",)),
    ("Android", ("Android",)),
    ("Windows", ("Windows",)),
    ("macOS", ("Macintosh", "Mac OS X")),
    ("ChromeOS", ("CrOS",)),
    ("Linux", ("Linux",)),
)
_LONGEST: Final = 60


def browser_of(user_agent: str | None) -> str:
    """``Firefox on Windows``, the name of a program, or an empty text where there is none."""
    agent = user_agent or ""
    browser = _first(_BROWSERS, agent)
    if browser is None:
        return agent.partition("/")[0].partition(" ")[0][:_LONGEST]
    system = _first(_SYSTEMS, agent)
    return browser if system is None else f"{browser} on {system}"


def expression(column: str) -> str:
    """`browser_of` the user agent in `column`, for a statement."""
    system = f"coalesce(' on ' || CASE {_cases(_SYSTEMS, column)} END, '')"
    program = f"left(split_part(split_part({column}, '/', 1), ' ', 1), {_LONGEST})"
    return f"coalesce(CASE {_cases(_BROWSERS, column)} END || {system}, {program}, '')"


def _first(rules: Rules, agent: str) -> str | None:
    return next((name for name, markers in rules if any(marker in agent for marker in markers)), None)


def _cases(rules: Rules, column: str) -> str:
    def found(markers: tuple[str, ...]) -> str:
        return " OR ".join(f"strpos({column}, '{marker}') > 0" for marker in markers)

    return " ".join(f"WHEN {found(markers)} THEN '{name}'" for name, markers in rules)
