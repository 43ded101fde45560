"""The service of the chaos tests: emits with our own emitter and its spool, and writes down what it emitted.

``python -m tests.chaos.emitter FOLDER NAME``; settings come as ``PRELUDE_*``. While the file FOLDER/quiet exists it emits nothing and
lives on, so that its spool is sent. FOLDER/clock holds the nanoseconds by which its clock is wrong.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import prelude_otel
from prelude_otel import activity, current_activity, emit, record, state
from prelude_otel.event import ActivityEvent
from prelude_otel.runtime import Clock
from tests.chaos.ledger import Ledger, Promise

_PAUSE_S = 0.012


class _Stop:
    asked = False


def wrong_by(path: Path) -> int:
    """Nanoseconds that the clock is ahead."""
    try:
        return int(path.read_text() or 0)
    except (OSError, ValueError):
        return 0


@activity("crm.view_deal")
def handler(deal_id: str, work_s: float) -> tuple[str, int, int]:
    """A handler; gives its event's id and start, and how long its work took by its own watch."""
    event = current_activity()
    begun = time.perf_counter_ns()
    time.sleep(work_s)
    return event.uid, event.start_ns, time.perf_counter_ns() - begun


class Service:
    """Emits in three ways, one after the other."""

    def __init__(self, folder: Path, name: str) -> None:
        self.boot = f"{name}.{os.getpid()}.{time.monotonic_ns():x}"
        self.ledger = Ledger(folder / "ledgers" / f"{self.boot}.ledger")
        self.random = random.Random()
        self.count = 0

    def once(self) -> None:
        """One activity, and its line."""
        self.count += 1
        token = f"{self.boot}.{self.count}"
        missed = self.missed()
        self.ledger.begun(token)
        way = self.random.choice((self.decorated, self.block, self.fact))
        promise = way(token)
        at_risk = self.missed() > missed
        if promise is not None:
            action, uid, start_ns, shortest, longest = promise
            self.ledger.kept(
                Promise(token, self.boot, action, uid, start_ns // 1000, _ms(shortest), _ms(longest), at_risk)
            )

    def decorated(self, token: str) -> tuple[str, str, int, int, int]:
        begun = time.perf_counter_ns()
        uid, start_ns, inner = handler(token, self.random.random() * 0.004)
        return "view_deal", uid, start_ns, inner, time.perf_counter_ns() - begun

    def block(self, token: str) -> tuple[str, str, int, int, int]:
        event: ActivityEvent
        begun = time.perf_counter_ns()
        with record("crm.create_deal", deal_id=token, deal_name="x" * self.random.choice((3, 300, 3000))) as event:
            inside = time.perf_counter_ns()
            time.sleep(self.random.random() * 0.004)
            inner = time.perf_counter_ns() - inside
        return "create_deal", event.uid, event.start_ns, inner, time.perf_counter_ns() - begun

    def fact(self, token: str) -> tuple[str, str, int, int, int] | None:
        length_ms = self.random.randrange(1, 100_000) / 7
        uid = emit("crm.update_deal", deal_id=token, duration_ms=length_ms)
        if uid is None:
            return None
        length_ns = round(length_ms * 1_000_000)
        return "update_deal", uid, -1, length_ns, length_ns

    def missed(self) -> int:
        """How many activities the disk has not taken."""
        return prelude_otel.stats().problems.get("spool", 0)


def _ms(ns: int) -> int:
    return (ns + 500_000) // 1_000_000


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: setattr(_Stop, "asked", True))
    prelude_otel.instrument(service_name="chaos")
    offset, quiet = folder / "clock", folder / "quiet"
    assert state.runtime is not None
    state.runtime.clock = Clock(now_ns=lambda: time.time_ns() + wrong_by(offset))
    service = Service(folder, name)
    while not _Stop.asked:
        if quiet.exists():
            time.sleep(0.05)
            continue
        service.once()
        time.sleep(_PAUSE_S)
    prelude_otel.shutdown()


if __name__ == "__main__":
    main()
