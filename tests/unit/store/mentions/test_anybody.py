"""Every address in a text is found, in a time that follows its length."""

from __future__ import annotations

import random
import re

from prelude_store.mentions.anybody import SOMEBODY, addresses

# Says the same, in the square of the length.
_OBVIOUS = re.compile(
    r"""[^\s"<>(){}\[\],;:\\|/?=&@\x00-\x1f]+(?:@|%(?:25)*40)[^\s"<>(){}\[\],;:\\|/?=&@%\x00-\x1f]+""", re.IGNORECASE
)


def test_it_finds_what_the_obvious_pattern_finds() -> None:
    chance = random.Random(20260101)
    pieces = ["a", "b.c", "@", "@x.y", "%40", "%2540", "%2C", "%", "25", " ", '"', ",", "/", "-", "_", "é", "\\"]
    for _ in range(20_000):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 12)))
        assert SOMEBODY.findall(text) == _OBVIOUS.findall(text), text


def test_one_behind_the_other_without_a_space() -> None:
    assert {"ada@x.com", "bob@y.org"} <= set(addresses("to=ada@x.com%2Cbob@y.org"))


def test_a_long_word_is_read_once() -> None:
    assert list(addresses("0123456789abcdef" * 20_000 + " ada@x.com")) == ["ada@x.com"]
