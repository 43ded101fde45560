"""User activity logging on OpenTelemetry: who did what, when, with what result, and how long it took.

``prelude_otel.instrument(app)`` is the one line; `activity` makes a handler's calls activities. `docs/` tells the rest by task.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prelude_otel.catalogue import Activity, Field
    from prelude_otel.counters import Stats, stats
    from prelude_otel.decorator import activity
    from prelude_otel.errors import PreludeError
    from prelude_otel.event import ActivityEvent, current_activity
    from prelude_otel.recording import complete, emit, record
    from prelude_otel.request import set_user
    from prelude_otel.setup import declare, flush, instrument, shutdown

__all__ = [
    "Activity",
    "ActivityEvent",
    "Field",
    "PreludeError",
    "Stats",
    "activity",
    "complete",
    "current_activity",
    "declare",
    "emit",
    "flush",
    "instrument",
    "record",
    "set_user",
    "shutdown",
    "stats",
]

_HOMES = {
    "Activity": "catalogue",
    "ActivityEvent": "event",
    "Field": "catalogue",
    "PreludeError": "errors",
    "Stats": "counters",
    "activity": "decorator",
    "complete": "recording",
    "current_activity": "event",
    "declare": "setup",
    "emit": "recording",
    "flush": "setup",
    "instrument": "setup",
    "record": "recording",
    "set_user": "request",
    "shutdown": "setup",
    "stats": "counters",
}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for: the other rooms need the contract alone, and not OpenTelemetry's SDK."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
