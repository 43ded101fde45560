"""The compiled decoder beside the Python one, for the tests that hold them equal."""

from __future__ import annotations

from typing import Any

import pytest

from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_exporter.decoding.native_decode import NativeDecoder
from prelude_exporter.errors import MalformedRequestError, TooLargeError
from prelude_exporter.sender import Sender
from prelude_store.row import ActivityRow

prelude_native = pytest.importorskip(
    "prelude_native", reason="prelude-otel-native is not installed (make native installs it where there is cargo)"
)

# One of each for all examples: what one remembers of a record must not show in another.
PYTHON, NATIVE = Decoder(), NativeDecoder(prelude_native)


def outcome(decoder: Decoder, request: bytes, sender: Sender | None = None) -> Any:
    """All that a decoder makes of a request of logs, in a form that can be compared."""
    try:
        decoded = decoder.logs(request, sender)
    except (MalformedRequestError, TooLargeError) as error:
        return repr(error)
    assert {type(row) for row in decoded.rows} <= {ActivityRow}
    assert len(decoded.rows) == len(decoded.origins)
    return everything(decoded)


def everything(decoded: Decoded) -> tuple[Any, ...]:
    """A request's result with the payloads that the quarantine would get."""
    payloads = decoded.batch().payloads or []
    types = [[type(cell) for cell in row] for row in decoded.rows]  # 1 == True == 1.0
    return (
        decoded.rows,
        types,
        list(payloads),
        decoded.spans,
        decoded.quarantined,
        decoded.probes,
        decoded.passed_over,
        decoded.spans_passed_over,
    )


def left_to_python(request: bytes) -> int:
    """How many records of a request the compiled decoder hands back."""
    found = NATIVE._native.logs(request, None)
    assert found is not None, "it hands the whole request back"
    return len(found[2])
