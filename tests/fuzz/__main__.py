"""`python -m tests.fuzz [--cases 1000000] [--seed 1]`: until one case does not hold, or all are done.

A tenth of a second or so for a thousand cases; every fiftieth batch goes into a PostgreSQL of its own. ``--case N`` shows one again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from prelude_exporter.decoding.decode import Decoder
from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate
from tests.fuzz.check import check
from tests.fuzz.run import case, run

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--cases", type=int, default=1_000_000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--case", type=int, help="this one alone, as it is")
parser.add_argument("--write-every", type=int, default=50, help="every so many batches of 200 cases go into PostgreSQL")
given = parser.parse_args()

if given.case is not None:
    signal, body = case(given.seed, given.case)
    print(signal, body.hex())
    print(check(signal, body, Decoder(), Decoder(), closely=True))
    sys.exit()

begun = time.monotonic()


def progress(number: int) -> None:
    """A line now and then."""
    if number % 50_000 > 50_000 - 201:
        print(f"{number + 1:,} cases, {time.monotonic() - begun:,.0f} s", file=sys.stderr)


with (
    tempfile.TemporaryDirectory(prefix="prelude-fuzz-") as folder,
    EmbeddedPostgres(Path(folder) / "data", settings={"fsync": "off"}) as server,
):
    migrate(server.url)
    print(run(given.seed, given.cases, server.url, given.write_every, progress))
