"""The counts of `stats` as OpenTelemetry metrics, through the MeterProvider of the application; where there is none, they cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from prelude_otel.counters import Stats, stats
from prelude_otel.otel import SCOPE_NAME, scope_version

__all__ = ["register"]

_COUNTERS: Final[dict[str, tuple[str, Callable[[Stats], Iterable[Observation]]]]] = {
    "prelude.activities.emitted": ("Activities that ended.", lambda now: [Observation(now.emitted)]),
    "prelude.activities.sent": ("Activities that the receiver has taken.", lambda now: [Observation(now.sent)]),
    "prelude.activities.recovered": (
        "Activities of earlier processes, found in the spool, that the receiver has taken.",
        lambda now: [Observation(now.recovered)],
    ),
    "prelude.activities.dropped": (
        "Activities that were lost, by reason.",
        lambda now: [Observation(count, {"reason": reason}) for reason, count in now.dropped.items()],
    ),
    "prelude.problems": (
        "Errors of prelude-otel itself, by place; the application is not affected.",
        lambda now: [Observation(count, {"place": place}) for place, count in now.problems.items()],
    ),
}
_WAITING: Final = "prelude.activities.waiting"


def register() -> None:
    """Offer the metrics; once in a process."""
    meter = get_meter(SCOPE_NAME, scope_version())
    for name, (description, read) in _COUNTERS.items():
        unit = "{error}" if name == "prelude.problems" else "{activity}"
        meter.create_observable_counter(name, [_callback(read)], unit, description)
    description = "Activities on their way to the receiver, in memory or on disk."
    meter.create_observable_up_down_counter(_WAITING, [_callback(_waiting)], "{activity}", description)


def _waiting(now: Stats) -> Iterable[Observation]:
    return [Observation(now.waiting, {"where": "memory"}), Observation(now.spooled, {"where": "disk"})]


def _callback(read: Callable[[Stats], Iterable[Observation]]) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        yield from read(stats())

    return observe
