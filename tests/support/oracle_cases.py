"""How many cases a comparison with an oracle tries."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

VARIABLE = "PRELUDE_ORACLE_CASES"
_SECONDS_A_CASE = 5
"""What the slowest comparison may take for a case on a busy machine."""


def how_many(default: int) -> int:
    """What PRELUDE_ORACLE_CASES says, or `default`."""
    return int(os.environ.get(VARIABLE, default))


def patience() -> int | None:
    """Seconds that a test may take with as many cases as PRELUDE_ORACLE_CASES says; None where it says nothing."""
    return 120 + how_many(0) * _SECONDS_A_CASE if VARIABLE in os.environ else None


def cases(default: int, *, salt: str) -> Iterator[tuple[int, random.Random]]:
    """Number and source of chance of each case; the same in every run. PRELUDE_ORACLE_CASES says how many instead of `default`."""
    for number in range(how_many(default)):
        yield number, random.Random(f"{salt} {number}")
