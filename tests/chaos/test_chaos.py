"""The short form: a few seeds, each against a chain of its own. The long one: ``make chaos``, or ``python -m tests.chaos --help``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.campaign import run
from tests.chaos.chain import database_template
from tests.chaos.faults import FAULTS, plan
from tests.support.collector import BUILD_TIMEOUT, collector_program

__all__ = ["collector_program"]

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(BUILD_TIMEOUT)]
FAULTS_OF_A_RUN = 14
SEEDS = (277, 373)
"""Between them they hold every kind of fault."""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with database_template() as folder:
        yield folder


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_killed_cut_or_full_each_activity_is_one_row(
    seed: int, template: Path, collector_program: Path, tmp_path: Path
) -> None:
    outcome = run(seed, FAULTS_OF_A_RUN, template, collector_program, logs=tmp_path)
    again = f"python -m tests.chaos --faults {FAULTS_OF_A_RUN} --per-run {FAULTS_OF_A_RUN} --seed {seed} --verbose"
    assert outcome.good, f"{outcome}; logs in {tmp_path}; again: {again}"
    assert outcome.emitted > 100
    if outcome.skipped:
        pytest.skip(f"all is well, but not all was tried: {outcome.skipped}")


def test_these_seeds_hold_every_kind_of_fault() -> None:
    planned = [each.fault.kind for seed in SEEDS for each in plan(seed, FAULTS_OF_A_RUN, FAULTS)]
    assert set(planned) == {fault.kind for fault in FAULTS}


def test_a_seed_says_what_is_done() -> None:
    assert plan(7, 50, FAULTS) == plan(7, 50, FAULTS)
    assert plan(7, 50, FAULTS) != plan(8, 50, FAULTS)
