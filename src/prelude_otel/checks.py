"""What `prelude doctor` asks of the emit room: how the service is set up, its spool, and whether the endpoint takes a probe."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from prelude_otel import state
from prelude_otel.checks_endpoint import check_endpoint
from prelude_otel.checks_spool import check_spool
from prelude_otel.errors import ConfigurationError, PreludeError
from prelude_otel.settings import read_settings
from prelude_otel.startup import check_decorators, resolve_all

if TYPE_CHECKING:
    from prelude_otel.settings import Settings

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""Name, whether it is well (None: could not be tried), what was seen, what mends it."""


def checks(context: Mapping[str, str]) -> Iterable[Finding]:
    """Findings of the emit room, by what is set in this environment.

    Args:
        context: ``endpoint`` (OTLP), ``probe_id``, and ``app`` ("" or MODULE:APP).
    """
    app = context.get("app", "")
    about_the_application = _application(app) if app else None
    try:
        settings = read_settings() if state.runtime is None else state.runtime.settings
    except PreludeError as error:
        yield "settings", False, str(error), "correct the variable that it names"
        settings = None
    if settings is not None:
        yield _settings(settings)
        yield _sampling(settings)
    if about_the_application is not None:
        yield about_the_application
    if settings is not None:
        yield from check_spool(settings)
    yield check_endpoint(context["endpoint"], context["probe_id"])


def _settings(settings: Settings) -> Finding:
    if settings.disabled:
        return ("settings", False, "OTEL_SDK_DISABLED is true: nothing is recorded", "unset OTEL_SDK_DISABLED")
    where = settings.endpoint if settings.protocol == "grpc" else settings.logs_url
    return ("settings", True, f"with these variables, activities go to {where}", "")


def _sampling(settings: Settings) -> Finding:
    said = _dropping()
    if said is None:
        return ("sampling", True, "every trace is kept", "")
    if settings.events == "span":
        found = f"{said}, and with events='span' the activities of those traces are lost"
        return ("sampling", False, found, "use the default events='log', or sample everything")
    return ("sampling", True, f"{said}. That is harmless: activities are log records and bring their duration", "")


def _dropping() -> str | None:
    """What drops spans in this process, or would in a service with these variables; None where nothing does."""
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if "always_off" in sampler or ("ratio" in sampler and not _is_one(argument or "1")):
        return f"OTEL_TRACES_SAMPLER={sampler}{f' with {argument}' if argument else ''} drops spans"
    if state.runtime is not None:
        # The application may have brought a provider of its own.
        from opentelemetry.trace import get_tracer_provider

        described = getattr(getattr(get_tracer_provider(), "sampler", None), "get_description", str)()
        ratio = re.search(r"TraceIdRatioBased\{([^}]*)\}", described)
        root_is_off = re.search(r"(^|root:)AlwaysOff", described)
        if root_is_off or (ratio and not _is_one(ratio[1])):
            return f"the application's sampler, {described}, drops spans"
    return None


def _is_one(text: str) -> bool:
    try:
        return float(text) >= 1
    except ValueError:
        return True  # OpenTelemetry then samples everything, and says so


def _application(app: str) -> Finding:
    module_name, _, attribute = app.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        application = getattr(importlib.import_module(module_name), attribute or "app")
        if state.runtime is None:
            remedy = "call prelude_otel.instrument(app) after app = FastAPI()"
            return ("application", False, f"{app} never calls prelude_otel.instrument", remedy)
        check_decorators(application)
        resolve_all(state.runtime.catalogue)
    except ConfigurationError as error:
        return ("application", False, str(error), "move the decorator, as it says")
    except PreludeError as error:
        return ("application", False, str(error), "correct the name, or declare the activity")
    except Exception as error:  # noqa: BLE001 (whatever the import of a foreign application may do)
        said = f"{app} can't be imported: {type(error).__name__}: {error}"
        return ("application", False, said, "give MODULE:APP as for uvicorn, from the folder of the service")
    return ("application", True, f"{app}: {len(state.sites)} decorated functions, all known to the catalogue", "")
