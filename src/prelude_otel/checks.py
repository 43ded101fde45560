"""What `prelude doctor` asks of the emit room: does the endpoint take a probe, and is the application decorated as it should be."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterable, Mapping

from prelude_otel import otel, state
from prelude_otel.contract import attributes as names
from prelude_otel.errors import ConfigurationError, PreludeError
from prelude_otel.otlp.encode import export_request, request_prefix
from prelude_otel.otlp.transport import Verdict, transport_for
from prelude_otel.otlp.wire import any_value, key_prefix, length_delimited, string_attribute, text, value_attribute
from prelude_otel.settings import read_settings
from prelude_otel.startup import check_decorators, resolve_all

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""Name, whether it is well (None: could not be tried), what was seen, what mends it."""

_PROBE_TIMEOUT_S = 5.0


def checks(context: Mapping[str, str]) -> Iterable[Finding]:
    """Findings of the emit room.

    Args:
        context: endpoint (OTLP/HTTP), probe_id, and app ("" or MODULE:APP).
    """
    yield _settings()
    if context.get("app"):
        yield _application(context["app"])
    yield _probe(context["endpoint"], context["probe_id"])


def probe_request(probe_id: str, sent_ns: int) -> bytes:
    """The marked record that lands in ``activity_probes``, as an export request."""
    record = (
        b"\x09"
        + sent_ns.to_bytes(8, "little")
        + length_delimited(b"\x62", text(names.PROBE_EVENT))
        + string_attribute(key_prefix(names.PROBE_ID), probe_id)
        + value_attribute(key_prefix(names.SPAN_JOIN), any_value(False))
    )
    prefix = request_prefix({"service.name": "prelude-doctor"}, otel.SCOPE_NAME, otel.scope_version())
    return export_request(prefix, [length_delimited(b"\x12", record)])


def _settings() -> Finding:
    try:
        settings = read_settings()
    except PreludeError as error:
        return ("settings", False, str(error), "correct the variable that it names")
    if settings.disabled:
        return ("settings", False, "OTEL_SDK_DISABLED is true: nothing is recorded", "unset OTEL_SDK_DISABLED")
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "")
    if settings.events == "span" and sampler and "always_on" not in sampler:
        said = f"events='span' with OTEL_TRACES_SAMPLER={sampler}: activities of unsampled traces are lost"
        return ("settings", False, said, "use the default events='log', or sample everything")
    return ("settings", True, f"activities go to {settings.logs_url}", "")


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


def _probe(endpoint: str, probe_id: str) -> Finding:
    try:
        transport = transport_for(read_settings(endpoint=endpoint))
    except PreludeError as error:
        return ("endpoint", False, str(error), "give the Collector's OTLP/HTTP address, like http://localhost:4318")
    try:
        answer = transport.send(probe_request(probe_id, time.time_ns()), _PROBE_TIMEOUT_S)
    finally:
        transport.close()
    if answer.verdict is Verdict.ACCEPTED:
        return ("endpoint", True, f"{endpoint} took the probe {probe_id}", "")
    if answer.verdict is Verdict.LATER and "answered" not in answer.said:
        remedy = "start the Collector (prelude up), or set OTEL_EXPORTER_OTLP_ENDPOINT to where it listens"
        return ("endpoint", False, f"nobody listens at {endpoint} ({answer.said})", remedy)
    return ("endpoint", False, f"{answer.said}", "see the log of the Collector or exporter that answered")
