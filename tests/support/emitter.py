"""A process that emits and says so: `python -m tests.support.emitter FIRST COUNT [then]`, settings from the environment.

Writes the number of each deal on a line of its own once `emit` has returned; then waits to be killed, or exits, or forks.
"""

from __future__ import annotations

import os
import sys
import time

import prelude_otel


def emit(first: int, count: int) -> None:
    for number in range(first, first + count):
        prelude_otel.emit("crm.delete_deal", deal_id=number)
        os.write(1, b"%d\n" % number)


def main(first: int, count: int, then: str) -> None:
    prelude_otel.instrument(service_name=os.environ.get("TEST_SERVICE_NAME", "crm-service"))
    emit(first, count)
    if then == "fork":
        child = os.fork()
        if child == 0:
            emit(first + count, count)
            os._exit(0 if prelude_otel.flush(20) else 1)
        emit(first + 2 * count, count)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    elif then == "wait":
        os.write(1, b"done\n")
        time.sleep(600)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "exit")
