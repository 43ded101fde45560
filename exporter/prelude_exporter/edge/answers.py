"""The messages that OTLP answers with: success, and ``google.rpc.Status`` for the rest (OTLP spec, "OTLP/HTTP Response")."""

from __future__ import annotations

from collections import Counter
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from prelude_exporter.decoding.decode import Decoded
from prelude_exporter.edge.intake import RETRY_AFTER, Signal

__all__ = ["INVALID_ARGUMENT", "UNAUTHENTICATED", "UNAVAILABLE", "as_json", "status", "success"]

INVALID_ARGUMENT: Final = int(Code.INVALID_ARGUMENT)
UNAUTHENTICATED: Final = int(Code.UNAUTHENTICATED)
UNAVAILABLE: Final = int(Code.UNAVAILABLE)

Response = ExportLogsServiceResponse | ExportTraceServiceResponse


def success(signal: Signal, decoded: Decoded) -> Response:
    """Everything is committed. Records in the quarantine are committed there, so none counts as rejected; a warning names them."""
    response: Response = ExportLogsServiceResponse() if signal == "logs" else ExportTraceServiceResponse()
    if decoded.quarantined:
        reasons = Counter(record.reason for record in decoded.quarantined)
        said = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        response.partial_success.error_message = f"records in activity_quarantine: {said}"
    return response


def status(code: int, message: str) -> Status:
    """What went wrong; UNAVAILABLE says when to come again."""
    made = Status(code=code, message=message)
    if code == UNAVAILABLE:
        made.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER)))
    return made


def as_json(message: Response | Status) -> bytes:
    """`message` in JSON. No id is in it, so the standard mapping is right."""
    return MessageToJson(message, indent=None).encode()
