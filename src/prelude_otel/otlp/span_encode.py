"""Ended spans to the bytes of an `ExportTraceServiceRequest`: plain ones by hand, every other one by the official encoder.

Field numbers: opentelemetry-proto 1.9, trace/v1/trace.proto.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812 (it is a class)
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from prelude_otel import problems
from prelude_otel.otlp.wire import Heads, any_value, key_prefix, length_delimited, text, varint

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["traces_request"]

# trace_id, span_id, start and end; the parent between them, where there is one.
_ROOT: Final = Struct("<BB16sBB8sBQBQ").pack
_CHILD: Final = Struct("<BB16sBB8sBB8sBQBQ").pack
_LOCAL: Final = b"\x85\x01\x00\x01\x00\x00"
"""Flags: it is known whether the parent is remote, and it is not (SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)."""
_REMOTE: Final = b"\x85\x01\x00\x03\x00\x00"
_SPAN: Final = Heads(b"\x12")
_MAX_REMEMBERED: Final = 256
_INT64: Final = 1 << 63


class _AttributeHeads(dict[str, Heads]):
    def __missing__(self, key: str) -> Heads:
        heads = Heads(b"\x4a", key_prefix(key))
        if len(self) < _MAX_REMEMBERED:
            self[key] = heads
        return heads


_attributes: Final = _AttributeHeads()
_Frame = tuple[object, object, bytes, bytes, bytes, bytes]
_frames: Final[dict[tuple[int, int], _Frame]] = {}
"""By resource and scope, which are kept, so that their ids stay theirs: what stands before and after the spans, twice nested."""


def traces_request(spans: Sequence[ReadableSpan]) -> bytes:
    """An `ExportTraceServiceRequest` of `spans`."""
    by_frame: dict[tuple[int, int], tuple[_Frame, list[bytes]]] = {}
    others = []
    for span in spans:
        try:
            encoded = _plain(span)
        except (AttributeError, StructError, OverflowError):  # of another type, or out of range
            encoded = None
        if encoded is None:
            others.append(span)
        else:
            frame = _frame_of(span)
            by_frame.setdefault((id(frame[0]), id(frame[1])), (frame, []))[1].append(encoded)
    parts = [_official(others)] if others else []
    for (_, _, resource, scope, scope_schema, resource_schema), encoded_spans in by_frame.values():
        scope_spans = length_delimited(b"\x12", scope + b"".join(encoded_spans) + scope_schema)
        parts.append(length_delimited(b"\x0a", resource + scope_spans + resource_schema))
    return b"".join(parts)


def _official(spans: list[ReadableSpan]) -> bytes:
    try:
        return encode_spans(spans).SerializeToString()
    except (AttributeError, TypeError, ValueError) as error:
        if len(spans) > 1:
            return b"".join([_official([span]) for span in spans])
        problems.report("spans", error)  # OTLP has no form for it; its neighbours go
        return b""


def _frame_of(span: ReadableSpan) -> _Frame:
    key = id(span.resource), id(span.instrumentation_scope)
    if key not in _frames:
        if len(_frames) >= _MAX_REMEMBERED:
            _frames.clear()
        outer = encode_spans([span]).resource_spans[0]
        inner = outer.scope_spans[0]
        frame = _frames[key] = (
            span.resource,
            span.instrumentation_scope,
            length_delimited(b"\x0a", outer.resource.SerializeToString()),
            length_delimited(b"\x0a", inner.scope.SerializeToString()),
            length_delimited(b"\x1a", text(inner.schema_url)) if inner.schema_url else b"",
            length_delimited(b"\x1a", text(outer.schema_url)) if outer.schema_url else b"",
        )
        return frame
    return _frames[key]


def _plain(span: ReadableSpan) -> bytes | None:
    """The span as entry of `ScopeSpans.spans`; None where it has something that only the official encoder knows."""
    context, parent = span.context, span.parent
    start, end = span.start_time, span.end_time
    if (
        span.events
        or span.links
        or span.dropped_attributes
        or span.dropped_events
        or span.dropped_links
        or not context
        or context.trace_state
        or start is None
        or end is None
    ):
        return None
    trace_id, span_id = context.trace_id.to_bytes(16), context.span_id.to_bytes(8)
    if parent is None:
        fixed = _ROOT(0x0A, 16, trace_id, 0x12, 8, span_id, 0x39, start, 0x41, end)
    else:
        parent_id = parent.span_id.to_bytes(8)
        fixed = _CHILD(0x0A, 16, trace_id, 0x12, 8, span_id, 0x22, 8, parent_id, 0x39, start, 0x41, end)
    parts = [fixed, length_delimited(b"\x2a", text(span.name)), b"\x30", varint(span.kind.value + 1)]
    for key, value in (span.attributes or {}).items():
        if type(value) is int and not -_INT64 <= value < _INT64:
            return None
        try:
            content = any_value(_listed(value))
        except TypeError:
            return None
        parts += (_attributes[key][len(content)], content)
    status = span.status
    told = length_delimited(b"\x12", text(status.description)) if status.description else b""
    code = status.status_code.value
    parts.append(length_delimited(b"\x7a", told + (b"\x18" + varint(code) if code else b"")))
    parts.append(_REMOTE if parent is not None and parent.is_remote else _LOCAL)
    body = b"".join(parts)
    return _SPAN[len(body)] + body


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
