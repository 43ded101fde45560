"""The emit room's global state and OpenTelemetry's, put back after each test.

Import it in the `conftest.py` of a folder: `from tests.support.emit_state import fresh_emit_state`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import _logs, trace
from opentelemetry.util._once import Once

import prelude_otel
from prelude_otel import problems, state
from prelude_otel.catalogue import builtin
from prelude_otel.request import worker_user

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOBODY", "fresh_emit_state"]

NOBODY = "http://127.0.0.1:9"
"""The endpoint of tests that say nothing else: the discard port, where nobody listens."""


@pytest.fixture(autouse=True)
def fresh_emit_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is instrumented, decorated, declared or set up, and no variable of the machine is seen."""
    import os

    for name in list(os.environ):
        if name.startswith(("OTEL_", "PRELUDE_")) and not name.startswith("PRELUDE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY)
    monkeypatch.setattr(state, "runtime", None)
    monkeypatch.setattr(state, "own_tracing", None)
    monkeypatch.setattr(state, "metered", False)
    monkeypatch.setattr(state, "sites", [])
    monkeypatch.setattr(state, "declared", builtin())
    monkeypatch.setattr(problems, "_said_once", {"service.name"})
    monkeypatch.setattr(problems, "_last_said", {})
    monkeypatch.setattr(problems, "_counts", type(problems._counts)())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER_SET_ONCE", Once())
    user = worker_user.set((None, None))
    yield
    prelude_otel.shutdown(0)
    if state.own_tracing is not None:
        state.own_tracing.provider.shutdown()
    worker_user.reset(user)
