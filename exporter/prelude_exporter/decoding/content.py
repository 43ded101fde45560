"""What a record says, whichever way it came: the id of a record that brings none is made of it.

Its bytes won't do: a Collector writes empty fields that an SDK leaves out, JSON has another order, a batch is cut anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from prelude_exporter.decoding.values import key_and_value, value_in

__all__ = ["content_of"]

_NOBODY: Final = bytes(16)


def content_of(
    service_name: str | None,
    name: str,
    time_ns: int,
    trace_id: bytes,
    span_id: bytes,
    attributes: Sequence[bytes],
    message: Any,
) -> bytes:
    """A text that is equal for two records just when they say the same: time, names, trace context, severity, body, attributes.

    What intermediaries change is left out: the order of attributes, the time of observation, flags, counts of dropped attributes.

    Args:
        time_ns: start of the action, in nanoseconds since the epoch.
        message: the log record or span event as parsed.

    Raises:
        ContractError: an attribute can't be read.
    """
    values = {_text(key): value for key, value in map(key_and_value, attributes)}
    body: bytes = getattr(message, "body", b"")
    said = [
        service_name,
        name,
        time_ns,
        trace_id.hex() if trace_id != _NOBODY[: len(trace_id)] else "",
        span_id.hex() if span_id != _NOBODY[: len(span_id)] else "",
        getattr(message, "severity_number", 0),
        _text(getattr(message, "severity_text", "")),
        value_in(body, 0, len(body)),
        values,
    ]
    return json.dumps(said, sort_keys=True, default=repr).encode()


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
