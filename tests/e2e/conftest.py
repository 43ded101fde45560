"""The whole chain with the real Collector: every test in this folder is marked `e2e`, and may be the one that builds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.collector import BUILD_TIMEOUT, collector, collector_program

__all__ = ["collector", "collector_program"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT))
