"""Message classes that read OTLP faster and more patiently than the official ones, derived from the official descriptors.

Wire-compatible with `opentelemetry.proto`, with two differences:

- ``attributes``, ``body`` and the values of a key-value list stay bytes. Most attributes repeat from record to record, so a
  dictionary of bytes already seen answers most of them, and Python walks only the rest.
- The syntax is proto2, which does not check UTF-8 while parsing: one bad character would refuse a whole request otherwise.
  The Collector passes such text on unchecked.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

__all__ = ["AnyValue", "KeyValue", "KeyValueList", "LogRecord", "LogsRequest", "SpanEvent", "TracesRequest"]

_OFFICIAL = "opentelemetry.proto"
_OURS = "prelude.wire"
_Field = descriptor_pb2.FieldDescriptorProto
_KEPT_AS_BYTES: Final = frozenset(
    {
        (".opentelemetry.proto.common.v1.KeyValue", _Field.LABEL_REPEATED),
        (".opentelemetry.proto.common.v1.AnyValue", _Field.LABEL_REPEATED),
        (".opentelemetry.proto.common.v1.AnyValue", _Field.LABEL_OPTIONAL),
    }
)
_PARSED_ALL_THE_SAME: Final = frozenset({"KeyValue"})  # the patient reading of one attribute needs its value


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, logs_pb2, trace_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        file.name = f"prelude/{file.name}"
        file.package = file.package.replace(_OFFICIAL, _OURS)
        file.syntax = "proto2"
        file.ClearField("options")
        file.dependency[:] = [f"prelude/{name}" for name in file.dependency]
        for message in file.message_type:
            _derive(message)
        pool.Add(file)
    return pool


def _derive(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if (field.type_name, field.label) in _KEPT_AS_BYTES and message.name not in _PARSED_ALL_THE_SAME:
            field.type = _Field.TYPE_BYTES
            field.ClearField("type_name")
        elif field.type == _Field.TYPE_ENUM:
            field.type = _Field.TYPE_INT32  # an enumeration of proto2 is closed, these are open
            field.ClearField("type_name")
        elif field.type_name:
            field.type_name = field.type_name.replace(_OFFICIAL, _OURS)
    for inner in message.nested_type:
        _derive(inner)


_POOL: Final = _pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_OURS}.{name}"))


AnyValue: Final = _message("common.v1.AnyValue")
KeyValue: Final = _message("common.v1.KeyValue")
KeyValueList: Final = _message("common.v1.KeyValueList")
"""A list whose ``values`` are the bytes of each KeyValue."""
LogRecord: Final = _message("logs.v1.LogRecord")
SpanEvent: Final = _message("trace.v1.Span.Event")

LogsRequest: Final = _message("logs.v1.LogsData")
"""``ExportLogsServiceRequest`` has the same shape on the wire."""
TracesRequest: Final = _message("trace.v1.TracesData")
"""``ExportTraceServiceRequest`` has the same shape on the wire."""
