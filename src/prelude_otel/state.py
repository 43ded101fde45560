"""All global state of the emit room, in one place: the runtime that `instrument` made, and what was declared before it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from prelude_otel import problems
from prelude_otel.catalogue import Catalogue, builtin

if TYPE_CHECKING:
    from prelude_otel.runtime import Runtime
    from prelude_otel.site import Site
    from prelude_otel.tracing import OwnTracing

__all__ = ["declared", "lock", "metered", "missing", "own_tracing", "runtime", "set_runtime", "sites"]

lock = threading.RLock()
"""Held while `instrument`, `declare` or `shutdown` change what stands below; never on a handler's path."""

runtime: Runtime | None = None
declared: Catalogue = builtin()
"""The eighteen of the reference, and what `declare` added."""

sites: list[Site] = []
"""Every decorated function, in the order of decoration; names are resolved when the application starts."""


metered: bool = False
"""Whether the counts are offered as metrics: OpenTelemetry warns where one instrument is made twice."""

own_tracing: OwnTracing | None = None
"""The TracerProvider that we set for good, where the application had none."""


def missing() -> Runtime | None:
    """Say, once, that nobody has called `instrument`; there is no runtime then."""
    problems.once("not instrumented", "activities are decorated but not recorded: call prelude_otel.instrument()")
    return runtime


def set_runtime(new: Runtime | None) -> Runtime | None:
    """Replace the runtime; gives the one before."""
    global runtime
    before, runtime = runtime, new
    return before
