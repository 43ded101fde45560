"""One pass of the keeper: what was committed behind the cursors is counted, and the cursors move, in one transaction.

So a keeper that is killed has counted a pass as a whole or not at all. The transaction sees one snapshot: lanes, rows, amendments and what
is kept already belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.rollups import arrivals, tables
from prelude_store.rollups.state import lock_state, seqs
from prelude_store.sessions import keep as sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prelude_store.connection import Connection

__all__ = ["PORTION", "Pass", "carry_out"]

PORTION: Final = 100_000
"""Places of the lanes that a pass counts at most, while it is not further behind than ten passes."""

_MOST: Final = 500_000
_MOVE_ON: Final = """
INSERT INTO public.rollup_cursors (lane, seq) SELECT * FROM unnest(%s::integer[], %s::bigint[])
ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq WHERE rollup_cursors.seq <> excluded.seq
"""
# With nothing more to count: all that was committed before this transaction. Else what the lanes say that stop half way.
_AS_OF: Final = """
UPDATE public.rollup_state SET as_of = greatest(as_of, (
    SELECT coalesce(min(created_at), CASE WHEN cardinality(%(lanes)s::integer[]) = 0 THEN now() END)
    FROM unnest(%(lanes)s::integer[], %(seqs)s::bigint[]) AS half_way (lane, seq) CROSS JOIN LATERAL (
        SELECT created_at FROM public.user_activity_logs AS log
        WHERE log.lane = half_way.lane AND log.lane_seq <= half_way.seq ORDER BY log.lane_seq DESC LIMIT 1
    ) AS last_counted
))
"""


class Pass(NamedTuple):
    """What a pass did.

    Args:
        rows: that it counted.
        places: how far it went on in the lanes.
        left: places that are committed, and not counted yet.
        to_build: days that must be built anew first; the pass counted nothing.
    """

    rows: int = 0
    places: int = 0
    left: int = 0
    to_build: int = 0


def carry_out(
    connection: Connection, portion: int | None = None, then: Iterable[Callable[[Connection], object]] = ()
) -> Pass:
    """Count the next portion.

    Args:
        connection: `keeper.connected` gives one: repeatable read, with the temporary tables.
        portion: places at most; by default more, the further it is behind.
        then: further steps of the same transaction.

    Raises:
        psycopg.errors.SerializationFailure: somebody else moved the watermark meanwhile; nothing was done.
    """
    with connection.transaction():
        state = lock_state(connection, exclusive=True)
        if state.to_build or not state.behind:
            return Pass(to_build=state.to_build, left=state.behind)
        portion = portion or min(max(PORTION, state.behind // 10), _MOST)
        before, until, left = {}, {}, {}
        lanes = seqs(connection)
        share = max(portion // sum(last > seq for _, seq, last in lanes), 1)
        for lane, seq, last in lanes:
            before[lane] = seq
            until[lane] = min(last, seq + share)
            if until[lane] < last:
                left[lane] = last - until[lane]
        connection.execute(_MOVE_ON, [list(until), list(until.values())])
        moved = {lane: seq for lane, seq in until.items() if seq > before[lane]}
        rows = arrivals.take_places(connection, before, moved)
        tables.add(connection)
        tables.tell(connection)
        sessions.add(connection, state.session_gap)
        for step in then:
            step(connection)
        connection.execute(_AS_OF, {"lanes": list(left), "seqs": [until[lane] for lane in left]})
    return Pass(rows, sum(until.values()) - sum(before.values()), sum(left.values()))
