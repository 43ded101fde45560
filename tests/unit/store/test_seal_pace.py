"""How far the sealer knows to be behind, and what it takes for it."""

from __future__ import annotations

import random

import pytest

from prelude_store.seals.pace import HURRY, LATE, MOST, SHARE, Lag, share_at


def test_nothing_left_is_no_lag() -> None:
    lag = Lag()
    assert lag.seconds(100.0) == 0
    lag.note(10.0, [(1, 50, 50)])
    assert lag.since is None
    lag.note(11.0, [])
    assert lag.seconds(100.0) == 0


def test_what_is_left_was_committed_after_the_last_pass_that_saw_less() -> None:
    lag = Lag()
    lag.note(10.0, [(1, 50, 50)])  # all
    lag.note(11.0, [(1, 100, 300)])  # 200 are left: committed after 10
    assert lag.since == 10.0
    lag.note(12.0, [(1, 290, 400)])
    assert lag.since == 10.0
    lag.note(13.0, [(1, 350, 500)])  # all of 11, not all of 12
    assert lag.since == 11.0
    lag.note(14.0, [(1, 500, 600)])  # all of 13
    assert lag.since == 13.0
    lag.note(15.0, [(1, 650, 650)])
    assert lag.since is None


def test_a_first_pass_counts_from_itself() -> None:
    lag = Lag()
    lag.note(10.0, [(1, 100, 1_000_000)])
    assert lag.seconds(10.5) == 0.5


def test_the_lane_that_is_furthest_behind_counts() -> None:
    lag = Lag()
    lag.note(1.0, [(1, 10, 10), (2, 10, 10)])
    lag.note(2.0, [(1, 20, 20), (2, 15, 90)])
    for moment in range(3, 7):
        lag.note(moment, [(1, 10 * moment, 10 * moment), (2, 15 + moment, 100)])
        assert lag.since == 1.0
    lag.note(7.0, [(2, 95, 100)])
    assert lag.since == 2.0


def test_lag_is_never_told_too_small_however_long_it_lasts() -> None:
    chance = random.Random(3)
    lag = Lag()
    lag.note(0.0, [])
    committed: list[float] = []
    sealed, moment = 0, 0.0
    for _ in range(2_000):
        moment += chance.uniform(0.05, 0.5)
        committed += [moment - 0.01] * chance.randrange(40)
        end = len(committed)
        sealed = min(sealed + chance.randrange(38), end)
        lag.note(moment, [(1, sealed, end)])
        if sealed < end:
            assert lag.seconds(moment) >= moment - committed[sealed]
    assert len(lag._marks) <= 128


def test_a_log_that_nobody_sealed_is_caught_up_with_in_small_steps_of_knowledge() -> None:
    lag = Lag()
    for step in range(10_000):
        lag.note(float(step), [(1, step, 20_000 + step)])
    assert 0 < len(lag._marks) <= 128
    lag.note(10_000.0, [(1, 40_000, 40_000)])
    assert lag.since is None


@pytest.mark.parametrize("share", [0.01, SHARE, 0.9, 1.0])
def test_the_share_grows_with_the_lag_and_is_never_less_than_was_said(share: float) -> None:
    shares = [share_at(tenth / 10, share) for tenth in range(40)]
    assert shares == sorted(shares)
    assert share_at(HURRY, share) == share
    assert share_at(LATE, share) == share_at(1e9, share) == max(share, MOST)
