"""`instrument`: from settings to a running service."""

from __future__ import annotations

import atexit
import logging
import time
from pathlib import Path
from typing import Any, Final

from prelude_otel import meters, otel, problems, state
from prelude_otel.catalogue import Activity, Catalogue, load
from prelude_otel.catalogue.load import activity_from_mapping
from prelude_otel.errors import CatalogueError, ConfigurationError
from prelude_otel.fastapi_app import check_application, prepare
from prelude_otel.runtime import Runtime
from prelude_otel.settings import Settings, UserFunction, read_settings
from prelude_otel.sinks import OtlpSink, ProviderSink, Sink, SpanEventSink
from prelude_otel.startup import resolve_all
from prelude_otel.tracing import OwnTracing

__all__ = ["declare", "flush", "instrument", "shutdown"]

_log = logging.getLogger("prelude_otel")
EXIT_TIMEOUT_S: Final = 2.0


def instrument(
    app: Any = None,
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    user: UserFunction | None = None,
    catalogue: str | Path | tuple[str | Path, ...] | list[str | Path] | None = None,
    events: str | None = None,
    logger_provider: Any = None,
    spool: str | Path | None = None,
    session_header: str | None = None,
    session_cookie: str | None = None,
    session_key: str | bytes | None = None,
    trusted_proxies: str | tuple[str, ...] | list[str] | None = None,
) -> None:
    """Record the activities of this process. Everything has a default or an environment variable.

    Call it once the application exists and OpenTelemetry is set up (if it is), before the application starts. Without `app` it
    sets up a worker or a script. Calling it again with the same settings is harmless. An absent Collector is no error.

    Args:
        app: the FastAPI application; gets server spans (by FastAPIInstrumentor) unless it has them.
        service_name: ``service.name``; else ``PRELUDE_SERVICE_NAME``, ``OTEL_SERVICE_NAME``.
        endpoint: OTLP endpoint of the Collector, like ``http://localhost:4318``; else ``PRELUDE_ENDPOINT``, ``OTEL_EXPORTER_OTLP_*``.
        user: a function of the request that gives its user's address, or (address, session id).
        catalogue: one or more catalogue files; else ``PRELUDE_CATALOGUE`` (separated like PATH).
        events: "log" (log records) or "span" (span events, for services that send traces only); else ``PRELUDE_EVENTS``.
        logger_provider: a LoggerProvider of the application that activities shall travel through, or "global" for the one set
            with OpenTelemetry. By default they travel alone, past the application's exporters.
        spool: a folder on a local disk. Each activity is in a file there before the handler goes on, and leaves it only when the
            Collector has said yes, in this process or a later one; else ``PRELUDE_SPOOL``. Without one they wait in memory.
        session_header: the header that names the session; else ``PRELUDE_SESSION_HEADER``, ``X-Session-ID``.
        session_cookie: the cookie that names it, stored as a keyed hash; else ``PRELUDE_SESSION_COOKIE``, ``session_id``.
        session_key: key of that hash, the same in all services; else ``PRELUDE_SESSION_KEY``.
        trusted_proxies: networks whose X-Forwarded-For is believed; else ``PRELUDE_TRUSTED_PROXIES``.

    Raises:
        ConfigurationError: a setting is wrong, differs from an earlier call's, or comes too late.
        CatalogueError: a decorated name that nobody declared, with file, line and nearest match; or a faulty file.
        MissingExtraError: a setting needs a package that is not installed.
    """
    settings = read_settings(
        service_name=service_name,
        endpoint=endpoint,
        user=user,
        catalogue=catalogue,
        events=events,
        logger_provider=logger_provider,
        spool=spool,
        session_header=session_header,
        session_cookie=session_cookie,
        session_key=session_key,
        trusted_proxies=trusted_proxies,
    )
    if settings.disabled:
        _log.info("prelude-otel: OTEL_SDK_DISABLED is true; nothing is recorded")
        return
    with state.lock:
        if app is not None:
            check_application(app)
        runtime = _runtime_for(settings)
        if not state.metered:
            state.metered = True
            meters.register()
        _resolve_known(runtime)
        if app is not None:
            prepare(app, runtime.provider)
        else:
            runtime.sink.start()  # an application's is started with the application: in its worker, after a fork


def declare(name: str, /, **entry: Any) -> Activity:
    """Declare an activity of the service's own.

    Args:
        name: ``type.name``, e.g. "crm.archive_deal"; the type is one of the eleven.
        entry: category, entity, entity_id, page, fields: as in a catalogue file. A field may be a type ("number") or a `Field`.

    Returns:
        The activity, for `@activity`, `record` and `emit`; its name works as well.

    Raises:
        CatalogueError: something in it is wrong, or the name is taken by another declaration.
    """
    type_, separator, action = name.partition(".")
    if not separator:
        raise CatalogueError(f"activity {name!r} is not type.name, like 'crm.archive_deal'")
    declared = activity_from_mapping(type_, action, entry)
    with state.lock:
        state.declared.add(declared)
        if state.runtime is not None:
            state.runtime.catalogue.add(declared)
    return declared


def flush(timeout: float = 5.0) -> bool:
    """Wait until all that was emitted so far has been taken by the receiver, `timeout` seconds at most; False when it has not."""
    runtime = state.runtime
    return runtime.sink.flush(timeout) if runtime is not None else True


def shutdown(timeout: float = EXIT_TIMEOUT_S) -> bool:
    """Flush, stop what `instrument` started, and record nothing more. Done at exit by itself.

    Args:
        timeout: seconds at most.

    Returns:
        False when something was lost; it is counted and logged.
    """
    with state.lock:
        runtime = state.set_runtime(None)
    if runtime is None:
        return True
    deadline = time.monotonic() + timeout
    delivered = runtime.sink.shutdown(timeout)
    if state.own_tracing is not None:
        state.own_tracing.stop(max(0.0, deadline - time.monotonic()))
    return delivered


def _runtime_for(settings: Settings) -> Runtime:
    present = state.runtime
    if present is not None and not present.implicit:
        if present.settings != settings:
            raise ConfigurationError(
                f"instrument() was called before with other settings: {_difference(present.settings, settings)}; "
                "call it once, or the same way each time"
            )
        return present
    if present is not None:
        shutdown()
    runtime = make_runtime(settings)
    state.set_runtime(runtime)
    return runtime


def make_runtime(settings: Settings) -> Runtime:
    """A runtime for these settings, which nobody uses yet."""
    catalogue = Catalogue(state.declared)
    for path in settings.catalogue:
        catalogue.update(load(path))
    provider = _tracer_provider(settings)
    resource = otel.resource_of(provider, settings.service_name)
    if str(resource.get("service.name", "unknown_service")).startswith("unknown_service"):
        problems.once("service.name", "the service has no name: set OTEL_SERVICE_NAME, or instrument(service_name=…)")
    return Runtime(settings, catalogue, provider, _sink(settings, provider, resource))


def _tracer_provider(settings: Settings) -> Any:
    own = state.own_tracing
    provider = otel.application_tracer_provider()
    if provider is not None and (own is None or provider is not own.provider):
        return provider
    if own is None or provider is None:
        own = state.own_tracing = OwnTracing(settings.service_name)
    own.start(settings)
    return own.provider


def _sink(settings: Settings, provider: Any, resource: Any) -> Sink:
    if settings.events == "span":
        return SpanEventSink(provider)
    if settings.logger_provider == "global":
        return ProviderSink(otel.global_logger_provider())
    if settings.logger_provider is not None:
        return ProviderSink(settings.logger_provider)
    return OtlpSink(settings, resource)


def _resolve_known(runtime: Runtime) -> None:
    try:
        resolve_all(runtime.catalogue)
    except CatalogueError:
        state.set_runtime(None)
        runtime.sink.shutdown(0)
        raise


def _difference(before: Settings, now: Settings) -> str:
    names = [name for name in Settings.__slots__ if getattr(before, name) != getattr(now, name)]
    return ", ".join(names)


atexit.register(shutdown)
