"""How long `prelude up` waits for a part: the clock and what was done are given, so nothing here waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prelude_cli.up.patience import Patience, Work, work_of


def test_who_does_nothing_is_not_waited_for_any_longer() -> None:
    patience = Patience(begun=100.0)
    assert [patience.ended(100.0 + seconds, Work(1.5, 7)) for seconds in (0, 30, 59)] == [None] * 3
    assert patience.ended(160.0, Work(1.5, 7)) == "after 60 s, and has done nothing for 60 s"


@pytest.mark.parametrize("grown", [Work(0.4, 0), Work(0.0, 1)], ids=["it works", "it writes"])
def test_who_does_something_is_waited_for_however_slow_the_machine(grown: Work) -> None:
    patience = Patience(begun=0.0)
    for step in range(20):
        assert patience.ended(step * 40.0, Work(grown.cpu * step, grown.said * step)) is None


def test_so_little_work_as_waiting_itself_is_none() -> None:
    patience = Patience(begun=0.0)
    seen = [patience.ended(float(second), Work(second * 0.004, 0)) for second in range(61)]
    assert seen[:60] == [None] * 60
    assert seen[60] is not None


def test_nobody_is_waited_for_for_ever() -> None:
    patience = Patience(begun=0.0)
    seen = [patience.ended(step * 30.0, Work(step * 30.0, step)) for step in range(31)]
    assert seen == [None] * 30 + ["after 900 s"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the log alone tells")
def test_the_work_of_a_part_is_that_of_all_its_processes(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.4: pass\nprint(flush=True); input()"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"]
    log = tmp_path / "part.log"
    log.write_bytes(b"a line\n")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seen = work_of(process.pid, log)
        process.communicate(b"\n")
    assert seen.cpu >= 0.4
    assert seen.said == len(b"a line\n")
    assert work_of(process.pid, tmp_path / "none") == Work(0.0, 0)
