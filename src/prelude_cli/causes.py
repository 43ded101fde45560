"""Which of the things that are wrong is the cause, and which follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["follows_from"]

Name = tuple[str, str]
"""Room and check, e.g. ``("store", "database")``."""

_DATABASE: Final[tuple[Name, ...]] = (
    ("store", "database"),
    ("store", "schema"),
    ("store", "database writes"),
    ("store", "writer rights"),
    ("store", "disk"),
)
_EXPORTER: Final[tuple[Name, ...]] = (("exporter", "answers"), ("exporter", "ready"))
_COLLECTOR: Final[tuple[Name, ...]] = (("collector", "health"), ("collector", "disk"))

_MAY_FOLLOW_FROM: Final[Mapping[Name, tuple[Name, ...]]] = {
    ("emit", "endpoint"): _COLLECTOR,
    ("emit", "spool backlog"): (("emit", "endpoint"), *_COLLECTOR),
    ("collector", "queue"): (*_EXPORTER, *_DATABASE),
    ("collector", "losses"): (("exporter", "refusals"),),
    ("exporter", "ready"): _DATABASE,
    ("analytics", "ready"): _DATABASE,
    ("exporter", "refusals"): (("emit", "endpoint"),),
    ("store", "probe landed"): (("emit", "endpoint"), *_COLLECTOR, ("collector", "queue"), *_EXPORTER, *_DATABASE),
}
"""What each may be a consequence of; what is not named here never is one."""


def follows_from(wrong: Iterable[Name], *, through_collector: bool) -> dict[Name, list[Name]]:
    """For each of `wrong`, in their order: those others that explain it; none for a cause.

    Args:
        through_collector: whether services send to a Collector; if not, they feel what is wrong with the exporter.
    """
    names = list(wrong)
    found = {}
    for name in names:
        candidates = _MAY_FOLLOW_FROM.get(name, ())
        if name == ("emit", "endpoint") and not through_collector:
            candidates = (*_EXPORTER, *_DATABASE)
        found[name] = [other for other in names if other in candidates]
    return found
