"""How many cases a comparison with an oracle tries."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

VARIABLE = "PRELUDE_ORACLE_CASES"


def cases(default: int, *, salt: str) -> Iterator[tuple[int, random.Random]]:
    """Number and source of chance of each case; the same in every run. PRELUDE_ORACLE_CASES says how many instead of `default`."""
    for number in range(int(os.environ.get(VARIABLE, default))):
        yield number, random.Random(f"{salt} {number}")
