"""The roles of tokens."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Role"]

Role: TypeAlias = Literal["self", "all", "govern"]
"""``self`` sees one person's own activities; ``all`` and ``govern`` see everybody's, and ``all`` ranks people by name."""
