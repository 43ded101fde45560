"""User activity logging on OpenTelemetry: who did what, when, with what result, and how long it took.

``prelude_otel.instrument(app)`` is the one line; `activity` makes a handler's calls activities. `docs/` tells the rest by task.
"""

from prelude_otel.catalogue import Activity, Field
from prelude_otel.decorator import activity
from prelude_otel.errors import PreludeError
from prelude_otel.event import ActivityEvent, current_activity
from prelude_otel.record import complete, emit, record
from prelude_otel.request import set_user
from prelude_otel.setup import declare, flush, instrument, shutdown
from prelude_otel.stats import Stats, stats

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
