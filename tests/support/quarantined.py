"""Entries of the quarantine: some that can become rows, and some that never will."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from prelude_exporter.decoding.decode import Decoder
from prelude_store.writer import Writer
from tests.support.otlp import log_record
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

__all__ = ["quarantine", "record"]


def record(status: str = "success", **also: str) -> LogRecord:
    """A deal of 2023, with the status `status`; `also` are its data."""
    values = {
        "prelude.action.type": "crm",
        "prelude.action.name": "create_deal",
        "prelude.action.data": {"deal_name": "Enterprise", **also},
        "prelude.result.status": status,
        "user.email": "ada@company.com",
    }
    return log_record("prelude.crm.create_deal", values)


def quarantine(database: str, *records: LogRecord) -> None:
    """Have `records` refused by an exporter that accepts nothing older than a second: what is wrong with them otherwise is said first."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    writer = Writer(as_role(database, "writer"), accept_past=timedelta(seconds=1))
    writer.write(Decoder().logs(request.SerializeToString()).batch())
    writer.close()
