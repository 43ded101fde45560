"""Everything of OpenTelemetry that is unstable, or differs between versions, is met here and in `otel_logs`, nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.resources import Resource

from prelude_otel.contract.attributes import SPAN_MEASURED
from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider

__all__ = [
    "SCOPE_NAME",
    "application_tracer_provider",
    "context_with",
    "global_logger_provider",
    "instrument_fastapi",
    "logger_of",
    "resource_of",
    "scope_version",
    "tracer_of",
    "without_instrumentation",
]

try:
    from opentelemetry.trace.propagation import _SPAN_KEY
except ImportError:  # a name of the API's own, only taken to spare calls
    _SPAN_KEY = ""

_log = logging.getLogger("prelude_otel")
SCOPE_NAME: Final = "prelude_otel"


def scope_version() -> str:
    """Our version, as instrumentation scope."""
    return version("prelude-otel")


def _context_with(span: trace.Span, context: otel_context.Context) -> otel_context.Context:
    """`trace.set_span_in_context` in one step."""
    return otel_context.Context({**context, _SPAN_KEY: span})


_PROBE: Final = otel_context.Context({"other": 1})
context_with: Final = (
    _context_with
    if _context_with(trace.INVALID_SPAN, _PROBE) == trace.set_span_in_context(trace.INVALID_SPAN, _PROBE)
    else trace.set_span_in_context
)
"""A context with another current span."""


@contextmanager
def without_instrumentation() -> Iterator[None]:
    """Within it, instrumented HTTP and gRPC clients make no spans: an exporter must not observe itself."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        otel_context.detach(token)


def resource_of(provider: trace.TracerProvider, service_name: str | None) -> Mapping[str, Any]:
    """Attributes of the resource: the application's own where it has set one up, else from the ``OTEL_*`` variables."""
    given = getattr(provider, "resource", None)
    resource = given if isinstance(given, Resource) else Resource.create()
    if service_name is not None:
        resource = resource.merge(Resource({"service.name": service_name}))
    return dict(resource.attributes)


def tracer_of(provider: trace.TracerProvider) -> trace.Tracer:
    """Our tracer.

    No record waits for its spans: the record carries their length, or is an event on them. Its scope says so, which costs a span
    nothing, and the exporter keeps nothing of them.
    """
    return provider.get_tracer(SCOPE_NAME, scope_version(), attributes={SPAN_MEASURED: True})


def application_tracer_provider() -> trace.TracerProvider | None:
    """The TracerProvider that the application has set, if it has."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider


def logger_of(provider: LoggerProvider) -> Logger:
    """A logger of the application's LoggerProvider."""
    return provider.get_logger(SCOPE_NAME, scope_version())


def global_logger_provider() -> LoggerProvider:
    """The LoggerProvider that the application has set up.

    Raises:
        ConfigurationError: it has set up none.
    """
    provider = get_logger_provider()
    if not hasattr(provider, "add_log_record_processor"):
        raise ConfigurationError(
            "logger_provider='global', but the application has set no LoggerProvider: call "
            "opentelemetry._logs.set_logger_provider() before instrument(), or leave logger_provider out"
        )
    return provider


def instrument_fastapi(app: Any, provider: trace.TracerProvider) -> None:
    """Server spans for `app`, unless somebody makes them already."""
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])
