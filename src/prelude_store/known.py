"""Which rows of a batch the log has already, and whether with the same content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection
    from prelude_store.row import ActivityRow

__all__ = ["known_rows"]

# OFFSET 0 keeps it one look into the index for each row, whatever the planner believes.
_KNOWN: Final = """
SELECT incoming.place - 1, known.content_hash = incoming.content_hash OR known.content_hash = ''
FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) WITH ORDINALITY AS incoming (us, event_id, content_hash, place)
CROSS JOIN LATERAL (
    SELECT content_hash FROM public.user_activity_logs AS log
    WHERE log."timestamp" = 'epoch'::timestamptz + incoming.us * interval '1 microsecond'
        AND log.event_id = incoming.event_id::uuid OFFSET 0
) AS known
"""


def known_rows(connection: Connection, rows: Sequence[ActivityRow]) -> dict[int, bool]:
    """The places in `rows` of those whose id and time the log has; True where the content is the same.

    A row that was lawfully changed has an empty ``content_hash``, and is the same as whatever comes with its id and time: else a resend of
    the original would bring into the quarantine what was erased from the log.
    """
    columns = [[row.timestamp_us for row in rows], [row.event_id for row in rows], [row.content_hash for row in rows]]
    return dict(connection.execute(_KNOWN, columns).fetchall())
