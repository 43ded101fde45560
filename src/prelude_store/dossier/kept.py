"""For how long what is in a dossier is kept, by the policies of retention that the database has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["kept_for"]

_POLICIES: Final = """
SELECT coalesce(action_type || '.' || coalesce(action_name, '*'), ''), class, keep FROM public.retention_policies
ORDER BY action_type NULLS LAST, action_name NULLS LAST, class NULLS FIRST
"""
_MAY_READ: Final = """
SELECT coalesce(has_table_privilege(to_regclass('public.retention_policies'), 'SELECT'), false)
"""
_PARTS: Final = {
    "person": "whose they are",
    "device": "the browser and the network address",
    "content": "the details",
}
_UNITS: Final = {"d": "days", "w": "weeks", "mo": "months", "y": "years"}
_ELSE: Final = "Everything else is kept until it is erased."
_NONE: Final = "Activities are kept until they are erased: no policy of retention is set here."


def kept_for(connection: Connection) -> list[str]:
    """A sentence for each policy, and one for what no policy is about."""
    row = connection.execute(_MAY_READ).fetchone()
    policies = connection.execute(_POLICIES).fetchall() if row and row[0] else []
    if not policies:
        return [_NONE]
    return [*(_sentence(kind, part, keep) for kind, part, keep in policies), _ELSE]


def _sentence(kind: str, part: str | None, keep: str) -> str:
    what = f"Of activities {kind}" if kind else "Of all other activities"
    which = _PARTS.get(part or "", "all")
    number = "".join(character for character in keep if character.isdigit())
    long = f"for {number} {_UNITS[keep.removeprefix(number)]}" if number else "until it is erased"
    return f"{what}, {which} is kept {long}."
