"""What must hold for whatever bytes come in."""

from __future__ import annotations

import json
from typing import Any, Final

from prelude_exporter.decoding import wire
from prelude_exporter.decoding.cutting import MAX_DATA_BYTES
from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_exporter.decoding.values import MAX_DEPTH
from prelude_exporter.errors import MalformedRequestError
from prelude_store.row import ActivityRow
from prelude_store.suspicion import why_suspect

__all__ = ["check", "check_row"]

_INDEX_ENTRY: Final = 2704
"""Bytes that an entry of a b-tree may have (PostgreSQL, page of 8 kB)."""
_LISTS: Final = (100, 200)


def check(signal: str, body: bytes, decoder: Decoder, other: Decoder, *, closely: bool = False) -> Decoded | None:
    """Decode `body`; None where it is no OTLP.

    Nothing else is raised; two decoders with other memories say the same; each record is counted once; every row is one that
    PostgreSQL takes; every entry of the quarantine, decoded again, stays one for the same reason.

    Args:
        closely: also make each row again from its own bytes.
    """
    try:
        decoded = _decode(decoder, signal, body)
    except MalformedRequestError:
        return None
    again = _decode(other, signal, body)
    assert again.rows == decoded.rows, "two decoders disagree"
    assert again.quarantined == decoded.quarantined, "two decoders disagree about the quarantine"
    _count(signal, body, decoded)
    for row in decoded.rows:
        check_row(row)
    for entry in decoded.quarantined:
        assert entry.reason != "mapping_failed", entry
        kept = _decode(other, entry.signal, entry.payload)
        assert [(one.reason, one.detail) for one in kept.quarantined] == [(entry.reason, entry.detail)], (
            "not replayable"
        )
        assert not kept.rows
    if closely:
        for row, payload in zip(decoded.rows, decoded.batch().payloads or (), strict=True):
            assert payload is not None
            assert _decode(other, payload.signal, payload.content).rows == [row], "a row's bytes make another row"
    return decoded


def _decode(decoder: Decoder, signal: str, body: bytes) -> Decoded:
    return decoder.logs(body) if signal == "logs" else decoder.traces(body)


def _count(signal: str, body: bytes, decoded: Decoded) -> None:
    there: list[Any]
    if signal == "logs":
        scopes = [scope for outer in wire.LogsRequest.FromString(body).resource_logs for scope in outer.scope_logs]
        there = [record for scope in scopes for record in scope.log_records]
    else:
        scopes = [scope for outer in wire.TracesRequest.FromString(body).resource_spans for scope in outer.scope_spans]
        spans = [span for scope in scopes for span in scope.spans]
        there = [event for span in spans for event in span.events]
        assert len(decoded.spans) + decoded.spans_passed_over == len(spans)
    became = len(decoded.rows) + len(decoded.quarantined) + len(decoded.probes) + decoded.passed_over
    assert became == len(there), f"{len(there)} records became {became}"


def check_row(row: ActivityRow) -> None:
    """`row` is one that PostgreSQL takes, whatever its neighbours are."""
    fault = why_suspect(row)
    # A backslash that was meant looks like an escape to it.
    assert fault is None or (fault.endswith("escapes what no text may hold") and not _forbidden(row)), fault
    for data in (row.action_data, row.result_data):
        if data is not None:
            assert len(data.encode()) <= MAX_DATA_BYTES
            # Each level has a bracket; rejected_fields are a level of our own.
            assert data.count("[") + data.count("{") <= MAX_DEPTH or _depth(data) <= MAX_DEPTH + 1
    for texts in ((row.user_email,), (row.action_type, row.action_name), (row.entity_type, row.entity_id)):
        assert sum(len((text or "").encode()) + 8 for text in texts) + 16 < _INDEX_ENTRY
    for items in (row.tags or (), row.personal_paths or ()):
        assert len(items) <= _LISTS[0]
        assert all(0 < len(item) <= _LISTS[1] for item in items)


def _forbidden(row: ActivityRow) -> bool:
    read = repr([json.loads(data or "0") for data in (row.action_data, row.result_data)]).replace("\\\\", "")
    return "\\x00" in read or "\\ud" in read


def _depth(text: str) -> int:
    depth = deepest = 0
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(depth, deepest)
        elif character in "]}":
            depth -= 1
    return deepest
