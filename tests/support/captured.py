"""`capture_activities` as a running service is: our own errors are counted and logged, not raised."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from prelude_otel import problems
from prelude_otel.testing import CapturedActivities, capture_activities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_otel.event import ActivityEvent

__all__ = ["LenientlyCaptured", "captured_leniently"]


class LenientlyCaptured(CapturedActivities):
    """Keeps the events themselves, too."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[ActivityEvent] = []

    def emit(self, event: ActivityEvent) -> None:
        """Take one finished event."""
        self.raw.append(event)
        super().emit(event)


@contextmanager
def captured_leniently() -> Iterator[LenientlyCaptured]:
    """As `capture_activities`, without `problems.strict`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prelude_otel.testing.CapturedActivities", LenientlyCaptured)
        with capture_activities() as captured:
            assert isinstance(captured, LenientlyCaptured)
            problems._strict_depth -= 1
            try:
                yield captured
            finally:
                problems._strict_depth += 1
