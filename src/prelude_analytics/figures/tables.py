"""The tables of rollups, as the memory holds them: what is one number a row, and what is text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prelude_analytics.filters import ROLLED_UP
from prelude_analytics.ranges import GRAINS

__all__ = [
    "ACTIVITIES",
    "CUSTOMERS",
    "DEAL_VALUES",
    "EMAILS",
    "LATENCIES",
    "LATENCY_TOTALS",
    "USERS",
    "VIEWERS",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rollups: ``sql/<name>_rollups.sql``, and the same figures from rows: ``sql/<name>_rows.sql``.

    Attributes:
        filters: those that the rollups know.
        keys: texts of which few combinations occur: one number stands for all of a row's.
        names: texts of which there are many: a number for each.
        numbers: whole numbers, with their type in memory.
        moments: times, NULL where there is none.
        exact: decimal numbers.
        sketched: each row has ``marks`` and ``counts``; in memory a row for each mark.
        mixed: fine grains have so many rows that as few as possible are read of them.
        grains: in minutes, the coarsest first.
        people: whose activities they are is forgotten with the rows, though counts stand.
    """

    name: str
    filters: frozenset[str]
    keys: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    moments: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    sketched: bool = False
    mixed: bool = False
    grains: tuple[int, ...] = GRAINS
    people: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a statement of it, beside ``bucket``."""
        of_sketch = ("marks", "counts") if self.sketched else ()
        return (*self.keys, *self.names, *(name for name, _ in self.numbers), *self.moments, *self.exact, *of_sketch)


_COARSE: Final = (1440, 15)
_STATUSES: Final = (("success", "i4"), ("error", "i4"), ("pending", "i4"), ("timeout", "i4"))
_PERSON: Final = frozenset({"user_email", "action_type"})

ACTIVITIES: Final = Table(
    "activity",
    ROLLED_UP,
    keys=("action_type", "action_name", "service_name", "entity_type", "page_route", "result_status"),
    numbers=(("count", "i8"), ("duration_count", "i8"), ("duration_sum", "i8")),
)
LATENCIES: Final = Table(
    "latency",
    ROLLED_UP - {"entity_type"},
    keys=("action_type", "action_name", "service_name", "result_status"),
    sketched=True,
    mixed=True,
)
LATENCY_TOTALS: Final = Table("latency_total", frozenset(), sketched=True)
USERS: Final = Table(
    "user",
    _PERSON,
    keys=("action_type",),
    names=("user_email",),
    numbers=_STATUSES,
    moments=("first_at", "last_at"),
    people=True,
)
CUSTOMERS: Final = Table(
    "customer",
    frozenset({"action_name"}),
    keys=("action_name",),
    names=("customer_id",),
    numbers=_STATUSES,
    moments=("last_at",),
    grains=_COARSE,
    people=True,
)
VIEWERS: Final = Table(
    "viewer",
    frozenset({"action_name"}),
    keys=("action_name",),
    names=("customer_id", "user_email"),
    grains=_COARSE,
    people=True,
)
"""Who viewed customers, successfully."""
EMAILS: Final = Table(
    "email",
    frozenset({"user_email", "action_name", "result_status"}),
    keys=("action_name", "method", "result_status"),
    names=("user_email",),
    numbers=(("count", "i8"),),
    grains=_COARSE,
    people=True,
)
DEAL_VALUES: Final = Table(
    "deal_value",
    frozenset({"result_status"}),
    keys=("result_status",),
    numbers=(("value_count", "i8"),),
    exact=("value_usd",),
    grains=_COARSE,
)
