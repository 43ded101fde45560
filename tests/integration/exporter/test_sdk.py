"""The SDK's log exporter that writes straight to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import psycopg
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from prelude_exporter.sdk import PostgresLogRecordExporter
from prelude_otel.errors import ConfigurationError
from tests.integration.exporter.conftest import TIME_NS

Query = Callable[..., list[tuple[Any, ...]]]


def emit(exporter: PostgresLogRecordExporter, *records: LogRecord) -> None:
    provider = LoggerProvider(Resource({"service.name": "direct"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for record in records:
        provider.get_logger("tests").emit(record)
    provider.shutdown()


def record(**fields: Any) -> LogRecord:
    values: dict[str, Any] = {"log.record.uid": "one", "prelude.entity.id": 5, "prelude.span.duration_ns": 1_600_000}
    return LogRecord(timestamp=TIME_NS, event_name="prelude.crm.view_deal", attributes=values, **fields)


def test_it_writes_rows_by_the_same_mapping(database: str, query: Query) -> None:
    emit(PostgresLogRecordExporter(database), record(), record(), LogRecord(timestamp=TIME_NS, body="an ordinary log"))
    assert query("SELECT action_name, entity_id, duration_ms, service_name FROM user_activity_logs") == [
        ("view_deal", "5", 2, "direct")
    ]


def test_it_is_found_by_name_and_takes_its_database_from_the_environment(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = entry_points(group="opentelemetry_logs_exporter", name="prelude_postgresql")
    monkeypatch.setenv("PRELUDE_DATABASE_URL", database)
    exporter = entry.load()()
    assert exporter.export([]) is LogRecordExportResult.SUCCESS
    assert exporter.force_flush()
    exporter.shutdown()


def test_without_a_database_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRELUDE_DATABASE_URL", "ANALYTICS_DB_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError):
        PostgresLogRecordExporter()


def test_a_failure_is_a_result_and_never_an_exception(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE user_activity_logs CASCADE")
    exporter = PostgresLogRecordExporter(database)
    provider = LoggerProvider(shutdown_on_exit=False)
    results = []

    class Keeping(PostgresLogRecordExporter):
        def __init__(self) -> None:
            """Only looks at what the other one says."""

        def export(self, batch: Any) -> LogRecordExportResult:
            results.append(exporter.export(batch))
            return results[-1]

        def shutdown(self) -> None:
            exporter.shutdown()

    provider.add_log_record_processor(SimpleLogRecordProcessor(Keeping()))
    provider.get_logger("tests").emit(record())
    provider.shutdown()
    assert results == [LogRecordExportResult.FAILURE]
    assert exporter.export([]) is LogRecordExportResult.FAILURE
