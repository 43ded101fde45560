"""What is asked for does not travel to wherever traces go, whatever the web framework records by itself."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.analytics import ADA, running_analytics


def test_requests_leave_no_span(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with running_analytics(database) as service, service.signed() as client:
        assert client.get("/recent-activities", params={"user_email": ADA, "q": "a secret"}).status_code == 200
    assert kept.get_finished_spans() == ()
