"""The routes, one module for each group. A module has a ``router``, and a ``lifespan(app)`` where it keeps something running."""

from __future__ import annotations

from typing import Final

__all__ = ["MODULES"]

MODULES: Final[tuple[str, ...]] = (
    "live",
    "session",
    "activities",
    "panels",
    "rankings",
    "sessions",
    "exports",
    "dossier",
    "funnel",
    "cohorts",
    "paths",
    "system",
    "governance",
    "audit",
)
"""Modules here whose routes are served, in the order of the documentation."""
