"""Looking into the quarantine: which entries, how many for which reason, and one as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from prelude_otel.errors import StoreError

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["Entry", "Selection", "State", "Stored", "counts", "entries", "sizes", "stored"]

State = Literal["waiting", "replayed", "all"]

_WHERE: Final = """
WHERE (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(signal)s::text IS NULL OR signal = %(signal)s)
    AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
    AND (%(but_not)s::text[] IS NULL OR reason <> ALL (%(but_not)s))
    AND (%(replayed)s::boolean IS NULL OR (replayed_at IS NOT NULL) = %(replayed)s)
"""
_LIST: Final = f"""
SELECT id, received_at, signal, reason, detail, octet_length(payload), replayed_at FROM public.activity_quarantine
{_WHERE} AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608 (constants)
_COUNT: Final = f"SELECT reason, count(*) FROM public.activity_quarantine {_WHERE} GROUP BY reason ORDER BY reason"  # noqa: S608
_SIZES: Final = f"""
SELECT id, octet_length(payload) FROM public.activity_quarantine {_WHERE} AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""  # noqa: S608
_ONE: Final = """
SELECT id, received_at, signal, reason, detail, payload, replayed_at FROM public.activity_quarantine WHERE id = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries are meant; what is not said selects nothing out.

    Args:
        ids: none means all.
        since: received at or after it.
        until: received before it.
        but_not: reasons that are left out.
        state: not replayed yet (``waiting``), ``replayed``, or ``all``.
    """

    ids: tuple[int, ...] = ()
    reason: str | None = None
    signal: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    but_not: tuple[str, ...] = ()
    state: State = "waiting"

    def values(self, **more: Any) -> dict[str, Any]:
        """Parameters of a statement with the condition of this module."""
        return {
            "ids": list(self.ids) or None,
            "reason": self.reason,
            "signal": self.signal,
            "since": self.since,
            "until": self.until,
            "but_not": list(self.but_not) or None,
            "replayed": {"waiting": False, "replayed": True, "all": None}[self.state],
        } | more


class Entry(NamedTuple):
    """An entry without its bytes; `size` is how many those are."""

    id: int
    received_at: datetime
    signal: str
    reason: str
    detail: str
    size: int
    replayed_at: datetime | None


class Stored(NamedTuple):
    """An entry as a whole."""

    id: int
    received_at: datetime
    signal: str
    reason: str
    detail: str
    payload: bytes
    replayed_at: datetime | None


def entries(connection: Connection, selection: Selection, *, limit: int, before: int | None = None) -> list[Entry]:
    """The newest `limit` of `selection`, older than entry `before` where that is given."""
    rows = connection.execute(_LIST.encode(), selection.values(limit=limit, before=before))
    return [Entry(*row) for row in rows]


def counts(connection: Connection, selection: Selection) -> dict[str, int]:
    """How many of `selection` there are, by reason."""
    return dict(connection.execute(_COUNT.encode(), selection.values()).fetchall())


def sizes(connection: Connection, selection: Selection, *, after: int, limit: int) -> list[tuple[int, int]]:
    """Id and bytes of the oldest `limit` of `selection` above the id `after`."""
    return list(connection.execute(_SIZES.encode(), selection.values(after=after, limit=limit)).fetchall())


def stored(connection: Connection, number: int) -> Stored:
    """The entry with this id.

    Raises:
        StoreError: there is none.
    """
    row = connection.execute(_ONE, [number]).fetchone()
    if row is None:
        raise StoreError(f"the quarantine has no entry {number}; prelude store quarantine list shows which there are")
    return Stored(*row)
