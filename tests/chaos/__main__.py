"""``python -m tests.chaos --faults 1000 --seed 1``: the long form, in runs with a chain each; says how to repeat a run that failed."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prelude_cli.collector.find import find_collector
from tests.chaos.campaign import Outcome, run
from tests.chaos.chain import database_template
from tests.chaos.faults import COLLECTORS_DISK, FAULTS, Planned


def main() -> int:
    arguments = _arguments()
    found = find_collector()
    if found is None:
        print("there is no Collector: run prelude collector build", file=sys.stderr)
        return 2
    faults = (*FAULTS, COLLECTORS_DISK) if arguments.collectors_disk else FAULTS
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that runs is ended
    outcomes: list[Outcome] = []
    begun, left, seed = time.monotonic(), arguments.faults, arguments.seed
    with database_template() as template:
        while left > 0:
            count = min(left, arguments.per_run)
            logs = arguments.logs / str(seed) if arguments.logs else None

            def say(planned: Planned, seed: int = seed) -> None:
                if arguments.verbose:
                    print(f"  {seed}: {planned.fault.kind}, {planned.target}, {planned.seconds:.1f} s", flush=True)

            outcome = run(seed, count, template, found.path, faults=faults, logs=logs, progress=say)
            outcomes.append(outcome)
            done = sum(sum(each.faults.values()) for each in outcomes)
            print(_line(outcome, done, arguments.faults, time.monotonic() - begun), flush=True)
            if not outcome.good:
                print(f"  {outcome.verdict} {outcome.bad_ends}", flush=True)
                print(
                    f"  again: python -m tests.chaos --faults {count} --seed {seed} --verbose --logs FOLDER", flush=True
                )
            arguments.report.write_text(json.dumps(report(outcomes), indent=1) + "\n")
            left, seed = left - count, seed + 1
    said = report(outcomes)
    print(json.dumps({name: value for name, value in said.items() if name != "runs"}, indent=1))
    return 0 if all(outcome.good for outcome in outcomes) else 1


def report(outcomes: list[Outcome]) -> dict[str, Any]:
    """All runs in one, and each."""
    return {
        "faults": sum(sum(each.faults.values()) for each in outcomes),
        "faults_by_kind": _sum(each.faults for each in outcomes),
        "skipped": _sum(each.skipped for each in outcomes),
        "begun": sum(each.begun for each in outcomes),
        "emitted": sum(each.emitted for each in outcomes),
        "rows": sum(each.rows for each in outcomes),
        "quarantined": sum(each.quarantined for each in outcomes),
        "lost": sum(len(each.verdict.lost) for each in outcomes),
        "lost_in_memory_while_the_disk_was_full": sum(len(each.verdict.lost_at_risk) for each in outcomes),
        "doubled": sum(len(each.verdict.doubled) for each in outcomes),
        "uncalled_for": sum(len(each.verdict.uncalled_for) for each in outcomes),
        "wrong": sum(len(each.verdict.wrong) for each in outcomes),
        "bad_ends": sum(len(each.bad_ends) for each in outcomes),
        "failed_seeds": [each.seed for each in outcomes if not each.good],
        "seconds": round(sum(each.seconds for each in outcomes), 1),
        "runs": [asdict(each) for each in outcomes],
    }


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total.most_common())


def _line(outcome: Outcome, done: int, wanted: int, seconds: float) -> str:
    verdict = outcome.verdict
    return (
        f"{done}/{wanted} faults, {seconds:.0f} s: seed {outcome.seed}: {outcome.emitted} emitted, {outcome.rows} rows,"
        f" {len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.wrong)} wrong,"
        f" {len(verdict.uncalled_for)} uncalled for; drained in {outcome.drained_s:.1f} s"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="how many in all (default 1000)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first run; each further one takes the next (default 1)"
    )
    parser.add_argument("--per-run", type=int, default=25, help="faults before all is counted (default 25)")
    parser.add_argument("--report", type=Path, default=Path("chaos-report.json"), help="where the JSON report goes")
    parser.add_argument("--logs", type=Path, help="keep logs and ledgers of each run in a folder here")
    parser.add_argument(
        "--collectors-disk", action="store_true", help="fill the disk of the Collector's queue, too: it then loses"
    )
    parser.add_argument("--verbose", action="store_true", help="name each fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
