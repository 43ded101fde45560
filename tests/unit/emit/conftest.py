"""What the tests of this folder share: nothing of one test is left for the next."""

from __future__ import annotations

from tests.support.emit_state import fresh_emit_state

__all__ = ["fresh_emit_state"]
