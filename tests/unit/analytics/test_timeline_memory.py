"""What is remembered of the timeline: loaded once, within a bound, and never another version than was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from prelude_analytics.timeline.memory import Memory

KILOBYTE = np.zeros(1000, dtype=np.uint8)


class Source:
    """Counts what is loaded from it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.loaded: list[Any] = []
        self.fails = fails

    async def load(self, keys: list[Any]) -> dict[Any, Any]:
        self.loaded += keys
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionError
        return dict.fromkeys(keys, KILOBYTE)


def test_many_who_ask_at_the_same_time_load_once() -> None:
    async def ask() -> None:
        memory, source = Memory(10_000), Source()
        await asyncio.gather(*(memory.obtain(keys, source.load) for keys in ("ab", "ba", "bc", "ab")))
        assert sorted(source.loaded) == ["a", "b", "c"]

    asyncio.run(ask())


def test_another_version_is_loaded_anew() -> None:
    memory, source = Memory(10_000), Source()
    for version in (1, 1, 2):
        asyncio.run(memory.obtain([("day", version)], source.load))
    assert source.loaded == [("day", 1), ("day", 2)]


def test_what_was_not_asked_for_longest_goes_first() -> None:
    memory, source = Memory(4_000), Source()
    for key in "abcada":
        asyncio.run(memory.obtain([key], source.load))
    assert source.loaded == [*"abcd"]
    assert memory.size <= 4_000
    asyncio.run(memory.obtain(["b"], source.load))
    assert source.loaded == [*"abcdb"]


def test_a_question_that_needs_more_than_fits_keeps_what_fits_for_the_next() -> None:
    memory, source = Memory(4_000), Source()
    for _ in range(2):
        found = asyncio.run(memory.obtain([*"abcde"], source.load))
        assert found.keys() == {*"abcde"}
    assert source.loaded == [*"abcdede"]
    assert memory.size <= 4_000


def test_who_waited_for_a_load_that_failed_loads_for_himself() -> None:
    async def ask() -> None:
        memory, broken, whole = Memory(10_000), Source(fails=True), Source()
        failing = asyncio.create_task(memory.obtain("a", broken.load))
        await asyncio.sleep(0)
        assert (await memory.obtain("a", whole.load))["a"] is KILOBYTE
        with pytest.raises(ConnectionError):
            await failing
        assert (broken.loaded, whole.loaded) == (["a"], ["a"])

    asyncio.run(ask())


def test_without_a_bound_to_fill_nothing_is_kept_and_all_is_answered() -> None:
    memory, source = Memory(), Source()
    for _ in range(2):
        assert asyncio.run(memory.obtain(["a", "a"], source.load))["a"] is KILOBYTE
    assert source.loaded == ["a", "a"]
    assert memory.size == 0
