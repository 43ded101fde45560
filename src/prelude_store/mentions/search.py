"""The pass over the log that finds who is named: no index knows what stands in a payload.

The database looks quickly, in one walk through each day; `Address` then decides about the few rows that it gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

    from prelude_store.connection import Connection
    from prelude_store.mentions.person import Person

__all__ = ["NAMES", "TEXTS", "days_of_log", "looks_like", "said_in"]

TEXTS: Final = ("session_id", "user_agent", "ip_address", "page_url", "entity_id", "action_data", "result_data", "tags")
"""Columns of the log, beside the acting user's, in which somebody may be named, and which can be emptied."""
NAMES: Final = (
    "user_email", "action_name", "action_category", "entity_type", "page_route", "service_name", "personal_paths",
)  # fmt: skip
"""Columns that name kinds of things. Whoever is named here as part of a longer text goes with the whole row."""

# The days of every week that has a partition.
_DAYS: Final = """
SELECT (starts + n * interval '1 day')::date FROM (
    SELECT substring(pg_get_expr(relpartbound, child.oid) FROM 'FROM \\(''([^'']*)''\\)')::timestamptz AS starts
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = 'public.user_activity_logs'::regclass
) AS weeks, generate_series(0, 6) AS n ORDER BY 1
"""


def days_of_log(connection: Connection) -> list[date]:
    """Every day (UTC) of which the log may hold a row."""
    return [day for (day,) in connection.execute(_DAYS)]


def said_in(of: str, columns: tuple[str, ...] = TEXTS + NAMES) -> str:
    """A lateral join that gives, as ``said.words``, all texts of the row `of` in lower case, of ASCII that is.

    The collation makes it a look at bytes: lowering by the rules of a language would cost more than reading the row.
    """
    texts = ", ".join(
        f"array_to_string({of}.{name}, E'\\n')" if name in ("tags", "personal_paths") else f"{of}.{name}::text"
        for name in columns
    )
    return f"CROSS JOIN LATERAL (SELECT lower(concat_ws(E'\\n', {texts}) COLLATE \"C\") AS words OFFSET 0) AS said"


def looks_like(address: Person, words: str = "said.words") -> tuple[str, list[str]]:
    """A condition that every text that names `address` meets, and few others; with its parameters."""
    alternatives = [
        "(" + " AND ".join(f"strpos({words}, %s) > 0" for _ in needles) + ")" for needles in address.needles
    ]
    return f"({' OR '.join(alternatives)})", [needle for needles in address.needles for needle in needles]
