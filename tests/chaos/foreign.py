"""A sender in another language, as it were: records without a duration, their spans in requests of their own, span events, poison.

``python -m tests.chaos.foreign FOLDER NAME COLLECTOR EXPORTER…`` (URLs of OTLP/HTTP). It keeps each request until it has been
accepted, sends some of them again afterwards, some by another way, and promises what was accepted.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.chaos.ledger import Ledger, Promise
from tests.support.otlp import attributes

_PAUSE_S = 0.15
_ACTION = "create_deal_note"
_FINAL = (400, 413, 415)


class _Stop:
    asked = False


class Requests:
    """One round: a request of records, one of spans, and what they promise."""

    def __init__(self, boot: str, first: int, dice: random.Random) -> None:
        self.boot = boot
        self.dice = dice
        self.logs = ExportLogsServiceRequest()
        self.traces = ExportTraceServiceRequest()
        self.records = self.logs.resource_logs.add()
        self.spans = self.traces.resource_spans.add()
        for each in (self.records, self.spans):
            each.resource.attributes.extend(attributes({"service.name": "foreign"}))
        self.promises: list[Promise] = []
        for number in range(first, first + dice.randrange(1, 8)):
            make = dice.choices((self.waiting, self.event, self.poison), (6, 3, 1))[0]
            make(f"{boot}.{number}")

    def waiting(self, token: str) -> None:
        """A record, and the span that holds its duration."""
        start_ns, length_ns = self._times()
        trace_id, span_id = os.urandom(16), os.urandom(8)
        uid = self._record(token, start_ns, trace_id, span_id)
        self._span(start_ns, length_ns, trace_id, span_id)
        self._promise(token, uid, start_ns, length_ns)

    def event(self, token: str) -> None:
        """A span that holds the activity as its event."""
        start_ns, length_ns = self._times()
        span = self._span(start_ns, length_ns, os.urandom(16), os.urandom(8))
        uid = str(uuid4())
        span.events.add(
            name=f"prelude.crm.{_ACTION}", time_unix_nano=start_ns, attributes=attributes(_values(token, uid))
        )
        self._promise(token, uid, start_ns, length_ns)

    def poison(self, token: str) -> None:
        """A record that can't become a row."""
        start_ns, _ = self._times()
        fault = self.dice.choice(({"prelude.result.status": f"perhaps-{token}"}, {"prelude.action.type": "unheard-of"}))
        self._record(token, start_ns, os.urandom(16), os.urandom(8), **fault)
        self.promises.append(Promise(token, self.boot, _ACTION, None, start_ns // 1000, None, None))

    def _times(self) -> tuple[int, int]:
        return time.time_ns() - self.dice.randrange(86_400 * 10**9), self.dice.randrange(5 * 10**9)

    def _record(self, token: str, start_ns: int, trace_id: bytes, span_id: bytes, **changes: str) -> str:
        uid = str(uuid4())
        self.records.scope_logs.add().log_records.append(
            LogRecord(
                event_name=f"prelude.crm.{_ACTION}",
                time_unix_nano=start_ns,
                trace_id=trace_id,
                span_id=span_id,
                attributes=attributes(_values(token, uid) | changes),
            )
        )
        return uid

    def _span(self, start_ns: int, length_ns: int, trace_id: bytes, span_id: bytes) -> Span:
        span: Span = self.spans.scope_spans.add().spans.add(
            name="POST /crm/deals/{deal_id}/activities",
            attributes=attributes({"http.request.method": "POST", "prelude.action.name": _ACTION}),
            trace_id=trace_id,
            span_id=span_id,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + length_ns,
        )
        return span

    def _promise(self, token: str, uid: str, start_ns: int, length_ns: int) -> None:
        length = (length_ns + 500_000) // 1_000_000
        self.promises.append(Promise(token, self.boot, _ACTION, uid, start_ns // 1000, length, length))


def _values(token: str, uid: str) -> dict[str, Any]:
    return {
        "log.record.uid": uid,
        "user.email": "Other@Company.com",
        "prelude.action.type": "crm",
        "prelude.action.name": _ACTION,
        "prelude.entity.type": "note",
        "prelude.entity.id": token,
        "prelude.result.status": "success",
        "prelude.action.data": {"deal_id": 7},
    }


def post(url: str, path: str, body: bytes) -> bool | None:
    """True: accepted; False: never; None: come again."""
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return False if error.code in _FINAL else None
    except (OSError, ValueError, http.client.HTTPException):
        return None


def main() -> None:
    folder, name, collector, *exporters = Path(sys.argv[1]), *sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: setattr(_Stop, "asked", True))
    boot = f"{name}.{os.getpid()}.{time.monotonic_ns():x}"
    ledger, dice, quiet, count = Ledger(folder / "ledgers" / f"{boot}.ledger"), random.Random(), folder / "quiet", 0
    while not _Stop.asked:
        if quiet.exists():
            time.sleep(0.05)
            continue
        batch = Requests(boot, count, dice)
        count += 100
        for promise in batch.promises:
            ledger.begun(promise.token)
        bodies = [("/v1/logs", batch.logs.SerializeToString()), ("/v1/traces", batch.traces.SerializeToString())]
        dice.shuffle(bodies)
        if all(deliver(collector, path, body) for path, body in bodies):
            for promise in batch.promises:
                ledger.kept(promise)
            for path, body in bodies:
                if dice.random() < 0.2:  # as after an answer that was lost
                    post(dice.choice([collector, *exporters]), path, body)
        if dice.random() < 0.1:
            broken = bytearray(bodies[0][1])
            broken[dice.randrange(len(broken) // 2) :] = os.urandom(20)
            with contextlib.suppress(OSError):
                post(dice.choice([collector, *exporters]), bodies[0][0], b"\xff" + bytes(broken))
        time.sleep(_PAUSE_S)


def deliver(url: str, path: str, body: bytes) -> bool:
    """Send until it is accepted; False when this process is to end first, or it is refused for good."""
    while not _Stop.asked:
        answer = post(url, path, body)
        if answer is not None:
            if not answer:
                raise SystemExit(f"{path} was refused for good: {len(body)} bytes")
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    main()
