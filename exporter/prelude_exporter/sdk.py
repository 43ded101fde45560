"""A log exporter for the OpenTelemetry SDK that writes straight to PostgreSQL, for those who run no Collector.

What it can't do beside a Collector: outlive the process with what it holds, and join a record with a span (records of
`prelude_otel` carry their length, and need no span).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from prelude_exporter.decoding.native_decode import make_decoder
from prelude_otel.catalogue import Catalogue
from prelude_store.settings import database_url as find_database_url
from prelude_store.writer import Writer

__all__ = ["PostgresLogRecordExporter"]

_log = logging.getLogger(__name__)


class PostgresLogRecordExporter(LogRecordExporter):
    """Writes activities among the records that a LoggerProvider gives it; other records are passed over.

    Entry point ``prelude_postgresql`` of ``opentelemetry_logs_exporter``: ``OTEL_LOGS_EXPORTER=prelude_postgresql``.

    Args:
        database_url: PostgreSQL; else ``PRELUDE_DATABASE_URL``, else ``ANALYTICS_DB_HOST`` and its companions.
        catalogue: what activities may carry; the reference's eighteen when not given.

    Raises:
        ConfigurationError: nothing says where the database is.
    """

    def __init__(self, database_url: str | None = None, *, catalogue: Catalogue | None = None) -> None:
        self._lock = threading.Lock()
        self._decoder = make_decoder(catalogue)
        self._writer = Writer(find_database_url(database_url), application_name="prelude-sdk-exporter")
        self._closed = False

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        """Write `batch`; success means committed. Never raises: what goes wrong is logged, and is a failure."""
        try:
            with self._lock:
                if self._closed:
                    return LogRecordExportResult.FAILURE
                self._writer.write(self._decoder.logs(encode_logs(batch).SerializeToString()).batch())
        except Exception as error:  # noqa: BLE001 (the SDK's thread must go on)
            _log.warning("%d log records were not written: %s", len(batch), error)
            return LogRecordExportResult.FAILURE
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 10_000) -> bool:  # noqa: ARG002 (the SDK's signature)
        """Nothing is held back."""
        return True

    def shutdown(self) -> None:
        """Close the connection; later exports fail."""
        with self._lock:
            self._closed = True
            self._writer.close()
