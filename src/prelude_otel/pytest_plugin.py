"""The pytest plugin: the fixture ``activities``. Loaded by pytest where prelude-otel is installed; does nothing unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from prelude_otel.testing import CapturedActivities


@pytest.fixture
def activities() -> Iterator[CapturedActivities]:
    """The activities that the test makes, in order, with deterministic ids and times; nothing is sent."""
    from prelude_otel.testing import capture_activities

    with capture_activities() as captured:
        yield captured
