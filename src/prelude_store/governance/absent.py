"""What is asked for by its number, and is not there."""

from __future__ import annotations

from prelude_otel.errors import StoreError

__all__ = ["AbsentError"]


class AbsentError(StoreError):
    """There is no request, proposal, hold or receipt of that number."""
