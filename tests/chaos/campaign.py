"""A run: a chain, a seed's faults, two at a time, then calm; and what had to be there when all was drained."""

from __future__ import annotations

import queue
import random
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.chaos.chain import Chain, running_chain
from tests.chaos.faults import FAULTS, Fault, Planned, full_disk, plan
from tests.chaos.ledger import read_books
from tests.chaos.verdict import Verdict, judge, look, missing

__all__ = ["Outcome", "run"]

AT_ONCE = 2
_READY_WITHIN_S = 60.0
_DRAINED_WITHIN_S = 120.0
_WARM_UP_S = 1.0
_LATE_DOUBLES_S = 1.0
_BREATH_S = (0.0, 0.8)


@dataclass(slots=True)
class Outcome:
    """What a run was, and what came of it.

    Args:
        faults: done, by kind.
        skipped: not done, by kind and why.
        emitted: activities and poison records that had to land.
        begun: those that began, whether or not their process lived to promise them.
        drained_s: how long it took after the last fault until all was there.
        bad_ends: what did not end as it should on SIGTERM.
    """

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    emitted: int = 0
    begun: int = 0
    rows: int = 0
    quarantined: int = 0
    restarts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    drained_s: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    bad_ends: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.verdict.good and not self.bad_ends


def run(
    seed: int,
    count: int,
    template: Path,
    collector: Path,
    *,
    faults: tuple[Fault, ...] = FAULTS,
    logs: Path | None = None,
    progress: Callable[[Planned], None] = lambda _planned: None,
) -> Outcome:
    """Run `count` faults of `seed` against a new chain.

    Args:
        template: of the database (`tests.chaos.chain.database_template`).
        collector: its program.
        faults: the kinds to choose from.
        logs: where logs and ledgers are left.
        progress: told of each fault before it is done.
    """
    outcome = Outcome(seed)
    begun = time.monotonic()
    with running_chain(template, collector, logs) as chain:
        _until(chain.ready, _READY_WITHIN_S, "the chain did not come up")
        time.sleep(_WARM_UP_S)
        _do(chain, plan(seed, count, faults), outcome, progress)
        _calm(chain)
        calm = time.monotonic()
        _drain(chain)
        outcome.drained_s = time.monotonic() - calm
        time.sleep(_LATE_DOUBLES_S)
        book, kept = read_books(chain.folder / "ledgers"), look(chain.url)
        living = {part.pid for part in chain.parts.values()}
        ended = {promise.boot for promise in book.promises if int(promise.boot.split(".")[1]) not in living}
        outcome.verdict = judge(book, kept, ended)
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            (logs / "kept.txt").write_text("\n".join(map(repr, [*kept.rows, *kept.quarantine])))
        outcome.emitted, outcome.begun = len(book.promises), len(book.begun)
        outcome.rows, outcome.quarantined = len(kept.rows), len(kept.quarantine)
        outcome.restarts = {part.name: part.starts - 1 for part in chain.all if part.starts > 1}
        outcome.bad_ends = [said for part in chain.all for said in part.bad_ends]
    outcome.seconds = time.monotonic() - begun
    return outcome


def _do(chain: Chain, planned: list[Planned], outcome: Outcome, progress: Callable[[Planned], None]) -> None:
    todo: queue.SimpleQueue[Planned] = queue.SimpleQueue()
    for each in planned:
        todo.put(each)
    counting = threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        with suppress(queue.Empty):
            while not errors:
                each = todo.get_nowait()
                dice = random.Random(each.seed)
                if each.fault.act is full_disk and not chain.disks[each.target].small:
                    with counting:
                        _count(outcome.skipped, f"{each.fault.kind}: only root can mount a small disk")
                    continue
                lock = chain.locks[each.target]
                with lock:
                    progress(each)
                    try:
                        with each.fault.act(chain, each.target, dice):
                            time.sleep(each.seconds)
                    except BaseException as error:
                        errors.append(error)
                        raise
                with counting:
                    _count(outcome.faults, each.fault.kind)
                time.sleep(dice.uniform(*_BREATH_S))

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def _calm(chain: Chain) -> None:
    (chain.folder / "quiet").touch()
    for wire in chain.wires.values():
        wire.calm()
    _until(chain.ready, _READY_WITHIN_S, "the chain did not recover by itself")


def _drain(chain: Chain) -> None:
    """Wait until every promise is kept, and nothing waits in the Collector; what is missing in the end is the verdict's to say."""
    ends = time.monotonic() + _DRAINED_WITHIN_S
    while time.monotonic() < ends:
        with suppress(psycopg.Error, OSError):
            left = missing(read_books(chain.folder / "ledgers"), look(chain.url))
            if all(promise.at_risk for promise in left) and _queued(chain) == 0:
                return
        time.sleep(0.3)


def _queued(chain: Chain) -> float:
    """What waits in the Collector."""
    with urllib.request.urlopen(chain.metrics, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("otelcol_exporter_queue_size"))


def _until(true: Callable[[], bool], within: float, said: str) -> None:
    ends = time.monotonic() + within
    while not true():
        if time.monotonic() > ends:
            raise AssertionError(f"{said} within {within:g} s")
        time.sleep(0.1)
