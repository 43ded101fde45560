"""Searches for cycles pass over what lives long, and still find what has died there."""

from __future__ import annotations

import gc
import weakref

from prelude_analytics.garbage import short_searches


class Knot:
    """Refers to itself, so that only a search finds it dead."""

    def __init__(self) -> None:
        self.itself = self
        self.held: list[list[int]] = [[] for _ in range(1000)]


def test_what_a_search_found_alive_is_not_searched_again() -> None:
    with short_searches():
        before = gc.get_freeze_count()
        alive = [Knot() for _ in range(20)]  # twice as many as are asked for: something else may die meanwhile
        gc.collect()
        assert gc.get_freeze_count() > before + 10_000
    assert gc.get_freeze_count() == 0
    assert len(alive) == 20


def test_what_has_died_among_it_is_found_when_as_much_again_has_come() -> None:
    with short_searches():
        settled = gc.get_freeze_count()
    with short_searches(least=settled + 5_000):
        knot = Knot()
        gc.collect()
        died = weakref.ref(knot)
        del knot
        gc.collect()
        assert died() is not None  # set aside
        more = [Knot() for _ in range(5)]
        gc.collect()
        gc.collect()
        assert died() is None
        del more


def test_what_has_just_died_is_found_as_ever() -> None:
    with short_searches():
        knot = Knot()
        died = weakref.ref(knot)
        del knot
        gc.collect()
        assert died() is None
