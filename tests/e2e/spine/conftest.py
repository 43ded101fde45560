"""A chain of its own for each test: real Collector, real exporter, a fresh database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chain import running_exporter
from tests.support.collector import RunningCollector, collector_program, running_collector

__all__ = ["collector_program"]


@pytest.fixture
def own_collector(collector_program: Path, tmp_path: Path) -> Iterator[RunningCollector]:
    """A Collector whose exporter's place is still empty."""
    with running_collector(collector_program, tmp_path) as running:
        yield running


@pytest.fixture
def chain(own_collector: RunningCollector, database: str, tmp_path: Path) -> Iterator[RunningCollector]:
    """Collector and exporter, over the test's database."""
    with running_exporter(database, own_collector.exporter, tmp_path / "exporter.log"):
        yield own_collector
