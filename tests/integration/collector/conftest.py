from __future__ import annotations

from tests.support.collector import collector_program

__all__ = ["collector_program"]
