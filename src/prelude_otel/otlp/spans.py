"""Export of the spans of our own TracerProvider.

Spans are company for the records, which carry their length themselves; a span that finds no receiver is dropped, and said.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from prelude_otel.otlp.span_encode import traces_request
from prelude_otel.otlp.transport import Verdict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from prelude_otel.otlp.transport import Transport

__all__ = ["SpansToCollector"]

_log = logging.getLogger("prelude_otel")
_SAY_EVERY_S: Final = 60.0
_TIMEOUT_S: Final = 2.0
"""Short, since the SDK's shutdown waits for an export under way: a Collector that is away must not hold a service's exit."""


class SpansToCollector(SpanExporter):
    """One attempt for each batch."""

    def __init__(self, transport: Transport) -> None:
        self._transport: Transport | None = transport
        self._said_at = -_SAY_EVERY_S

    def use(self, transport: Transport | None) -> None:
        """Send there from now on; None: drop."""
        before, self._transport = self._transport, transport
        if before is not None:
            before.close()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode and send."""
        transport = self._transport
        if transport is None:
            return SpanExportResult.FAILURE
        answer = transport.send(traces_request(spans), _TIMEOUT_S)
        if answer.verdict is Verdict.ACCEPTED:
            return SpanExportResult.SUCCESS
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            _log.warning("prelude-otel: %d spans were dropped: %s", len(spans), answer.said)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection."""
        self.use(None)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Nothing waits here."""
        return True
