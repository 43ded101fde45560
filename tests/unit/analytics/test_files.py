"""A process with thousands of sockets asks the system for as many open files."""

from __future__ import annotations

import subprocess
import sys

ASK = """
import logging, resource
from prelude_analytics.files import allow_files
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(allow_files(1000), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def asked(soft: int, hard: int) -> tuple[list[int], str]:
    """What a process with those limits is allowed for 1,000 sockets, its limits afterwards, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True
    )
    return [int(number) for number in done.stdout.split()], done.stderr


def test_it_gets_what_the_sockets_need() -> None:
    assert asked(256, 4096) == ([1500, 1500, 4096], "")


def test_what_it_has_already_stays() -> None:
    assert asked(2000, 4096) == ([2000, 2000, 4096], "")


def test_where_it_may_not_have_as_much_it_says_what_to_do() -> None:
    found, said = asked(256, 1024)
    assert found == [1024, 1024, 1024]
    assert "too few for 1000 sockets: raise ulimit -n to 1500, or lower --live-sockets" in said
