"""The screens, one module for each: a `SCREEN`, and ``async def show(ask: Asking) -> dict`` with what its template shows.

The template is ``templates/<name>.html``. A screen without a key stands in no menu.
"""

from __future__ import annotations

from typing import Final

from prelude_dashboard.screens import (
    activities,
    audit,
    cohorts,
    customers,
    entity,
    funnels,
    governance,
    live,
    overview,
    paths,
    people,
    person,
    reports,
    session,
    sessions,
    system,
)

__all__ = ["MODULES"]

MODULES: Final = (
    overview,
    live,
    activities,
    sessions,
    people,
    customers,
    funnels,
    cohorts,
    paths,
    reports,
    system,
    governance,
    session,
    person,
    entity,
    audit,
)
"""In the order of the menu."""
