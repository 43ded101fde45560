"""What the database is likely to refuse in a row: a pure function.

Asked only after the database has refused a batch: many bad rows are found at once, which by halving would take longer than the
sender waits. A suspected row is then written alone, so the database has the last word.
"""

from __future__ import annotations

import json
import re
from types import NoneType
from typing import Any, Final

from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES
from prelude_store.row import ActivityRow

__all__ = ["misshapen", "why_suspect"]

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_INDEXED = ("user_email", "action_name", "entity_type", "entity_id")
_INDEXED_LENGTH = 2000
"""PostgreSQL takes index entries of up to 2.7 kB, compressed; a longer text may fit, so it is no more than suspected."""


_TEXT = (str,)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "timestamp_us": (int,), "event_id": _TEXT, "action_type": _TEXT, "action_name": _TEXT, "result_status": _TEXT,
    "content_hash": (bytes,), "duration_ms": (int, NoneType), "tags": (tuple, NoneType), "personal_paths": (tuple, NoneType),
    "waits": (bool,),
}  # fmt: skip
"""All others are text or None."""
_TEXT_OR_NONE = (str, NoneType)


def misshapen(row: Any) -> str | None:
    """Which field of `row` is of a type that no row has, for a person, or None: only a fault of ours makes such a row."""
    if not isinstance(row, ActivityRow):
        return f"it is no row, but {type(row).__name__}"
    for name, value in row._asdict().items():
        if type(value) not in _TYPES.get(name, _TEXT_OR_NONE):
            return f"{name} is of the type {type(value).__name__}"
        if isinstance(value, tuple) and any(type(item) is not str for item in value):
            return f"{name} holds something else than text"
    return None


def why_suspect(row: ActivityRow) -> str | None:
    """What is odd about `row`, for a person, or None."""
    fault = misshapen(row)
    if fault is not None:
        return fault
    faults = (fault for check in (_vocabulary, _ids, _numbers, _texts, _json) if (fault := check(row)) is not None)
    return next(faults, None)


def _vocabulary(row: ActivityRow) -> str | None:
    if row.action_type not in ACTION_TYPES:
        return f"unknown action type {row.action_type!r}"
    if row.result_status not in STATUSES:
        return f"unknown result status {row.result_status!r}"
    return None


def _ids(row: ActivityRow) -> str | None:
    for name, value in (("event_id", row.event_id), ("completes_event_id", row.completes_event_id)):
        if value is not None and not _UUID.match(value):
            return f"{name} is no UUID: {value!r}"
    if len(row.trace_id or "0" * 32) != 32 or len(row.span_id or "0" * 16) != 16:  # noqa: PLR2004 (W3C Trace Context)
        return f"trace id {row.trace_id!r} or span id {row.span_id!r} has a wrong length"
    return None


def _numbers(row: ActivityRow) -> str | None:
    if row.duration_ms is not None and not 0 <= row.duration_ms < 2**31:
        return f"a duration of {row.duration_ms} ms does not fit"
    return None


def _texts(row: ActivityRow) -> str | None:
    texts = [value for value in row if isinstance(value, str)] + [*(row.tags or ()), *(row.personal_paths or ())]
    if any("\0" in text or not _is_unicode(text) for text in texts):
        return "a text holds NUL or a lone surrogate"
    for name in _INDEXED:
        if len(getattr(row, name) or "") > _INDEXED_LENGTH:
            return f"{name} is too long to be indexed"
    return None


def _json(row: ActivityRow) -> str | None:
    for name, text in (("action_data", row.action_data), ("result_data", row.result_data)):
        if text is None:
            continue
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            return f"{name} is no JSON: {error}"
        if "\\u0000" in text or "\\ud" in text.lower():
            return f"{name} escapes what no text may hold"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
