"""The same action through two well-known products for Python, each with its own decorator or call, to the same sink."""

from __future__ import annotations

import importlib
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bench.emit_ways import DEAL, Way


def peers(endpoint: str) -> list[Way]:
    """Those that are installed."""
    ways = []
    for make, module in ((_logfire, "logfire"), (_posthog, "posthog")):
        try:
            ways.append(make(endpoint, importlib.import_module(module)))
        except ModuleNotFoundError:
            print(f"{module} is not installed: see bench/README.md")
    return ways


def _logfire(endpoint: str, logfire: Any) -> Way:
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), max_queue_size=1 << 20)
    ours = logfire.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        additional_span_processors=[processor],
        service_name="bench",
    )

    def create_deal(
        deal_name: str, value_usd: float, client_id: int, deal_id: int, user_email: str, session_id: str, page: str
    ) -> None: ...

    create_deal = ours.instrument("create_deal", extract_args=True)(create_deal)

    def act() -> None:
        create_deal(deal_id=789, user_email="user@company.com", session_id="session-abc", page="/crm/deals", **DEAL)

    return Way("logfire.instrument", act, ours.force_flush)


def _posthog(endpoint: str, posthog: Any) -> Way:
    client = posthog.Posthog("phc_bench", host=endpoint, max_queue_size=1 << 20, disable_geoip=True)
    properties = {
        "action_type": "crm",
        "category": "deal",
        "entity_id": "789",
        "page": "/crm/deals",
        "status": "success",
    }

    def act() -> None:
        client.capture(
            "create_deal",
            distinct_id="user@company.com",
            properties={**properties, **DEAL, "customer_id": 123, "$session_id": "session-abc", "duration_ms": 1},
        )

    return Way("posthog.capture", act, client.flush)
