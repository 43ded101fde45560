"""Rows of the log are changed, a small batch at a time: each a transaction of its own, short enough that nobody waits for it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.types.json import Jsonb

from prelude_store.erasure import sessions
from prelude_store.erasure.aim import FOUND_COLUMNS, Found, Treated, treated
from prelude_store.erasure.held import held_rows
from prelude_store.governance.changes import SEAL_LOCK, changing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run
    from prelude_store.governance.changes import ClassName, Kind

__all__ = ["Batches", "foreseen"]

_MOST: Final = 4_000
_LEAST: Final = 200
_FIRST: Final = 500
_TARGET: Final = 0.08
"""Seconds that a batch may take. Whoever completes a length of one of its rows waits for it, and so does the sealer."""
_RETRIES: Final = 10

_TAKE: Final = f"""
SELECT {FOUND_COLUMNS} FROM unnest(%s::timestamptz[], %s::uuid[]) AS wanted (moment, id)
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs AS log WHERE log."timestamp" = wanted.moment AND log.event_id = wanted.id OFFSET 0
) AS log
"""  # noqa: S608 (constants)
# The bounds let the planner leave out partitions that can't hold any of the rows.
_KEYED: Final = """
FROM unnest(%(moments)s::timestamptz[], %(ids)s::uuid[]) AS new (moment, id)
WHERE log."timestamp" = new.moment AND log.event_id = new.id AND log."timestamp" BETWEEN %(first)s AND %(last)s
"""
_ANONYMISE: Final = f"""
UPDATE public.user_activity_logs AS log
SET user_email = NULL, session_id = NULL, user_agent = NULL, ip_address = NULL, content_hash = '' {_KEYED}
"""  # noqa: S608
_REMOVE: Final = f"DELETE FROM public.user_activity_logs AS log USING {_KEYED.strip().removeprefix('FROM ')}"  # noqa: S608
_CHANGE: Final = """
UPDATE public.user_activity_logs AS log
SET user_email = new.user_email, session_id = new.session_id, user_agent = new.user_agent, ip_address = new.ip_address,
    page_url = new.page_url, entity_id = new.entity_id, action_data = new.action_data::jsonb, result_data = new.result_data::jsonb,
    tags = CASE WHEN new.tags IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(new.tags)) END, content_hash = ''
FROM unnest(%(moments)s::timestamptz[], %(ids)s::uuid[], %(user_email)s::text[], %(session_id)s::text[], %(user_agent)s::text[],
    %(ip_address)s::text[], %(page_url)s::text[], %(entity_id)s::text[], %(action_data)s::text[], %(result_data)s::text[],
    %(tags)s::jsonb[]) AS new (
    moment, id, user_email, session_id, user_agent, ip_address, page_url, entity_id, action_data, result_data, tags)
WHERE log."timestamp" = new.moment AND log.event_id = new.id AND log."timestamp" BETWEEN %(first)s AND %(last)s
"""
_FORGET_PENDING: Final = """
DELETE FROM public.pending_rows USING unnest(%(moments)s::timestamptz[], %(ids)s::uuid[]) AS gone (moment, id)
WHERE pending_rows.event_id = gone.id AND pending_rows."timestamp" = gone.moment
"""
_FORGET_ENDS: Final = """
DELETE FROM public.superseded_rows USING unnest(%s::integer[], %s::bigint[]) AS gone (lane, seq)
WHERE superseded_rows.lane = gone.lane AND superseded_rows.lane_seq = gone.seq
"""
_CHANGED: Final = (
    "user_email", "session_id", "user_agent", "ip_address", "page_url", "entity_id", "action_data", "result_data",
)  # fmt: skip


class Batches:
    """Changes rows of one run.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode, of READ COMMITTED.
        lane: of this connection.
        run: that the changes belong to; it is told of each batch in the same transaction.
    """

    def __init__(self, connection: Connection, lane: int, run: Run, aim: Aim) -> None:
        self._connection = connection
        self._lane = lane
        self._run = run
        self._aim = aim
        self._size = _FIRST

    @property
    def size(self) -> int:
        """How many rows the next batch should hold, by how long the last ones took."""
        return self._size

    def change(self, keys: Sequence[tuple[datetime, UUID]]) -> int:
        """Change the rows with these keys as the aim has it; gives how many were changed. Keys of rows that are gone are passed over."""
        done = 0
        while keys:
            batch, keys = keys[: self._size], keys[self._size :]
            began = time.monotonic()
            done += self._insist(batch)
            seconds = time.monotonic() - began
            if seconds > _TARGET:
                self._size = max(_LEAST, int(self._size * _TARGET / seconds))
            elif len(batch) == self._size:
                self._size = min(_MOST, self._size + self._size // 4 + 1)
        return done

    def within(self, keys: Sequence[tuple[datetime, UUID]]) -> int:
        """The same within the open transaction; for few rows."""
        return self._once(keys, again=True) if keys else 0

    def _insist(self, batch: Sequence[tuple[datetime, UUID]]) -> int:
        """Again where a writer that completed a duration was in the way."""
        counted = self._run.counts.copy()
        for attempt in range(_RETRIES):
            self._run.counts = counted.copy()
            try:
                with self._connection.transaction():
                    return self._once(batch)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if attempt == _RETRIES - 1:
                    raise
        raise AssertionError

    def _once(self, batch: Sequence[tuple[datetime, UUID]], *, again: bool = False) -> int:
        # Taken before the look: what is written is made of what no other change comes between.
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        todo = foreseen(self._connection, batch, self._aim)
        held = held_rows(self._connection, [one.row.key for one in todo]) if self._aim.new is None else set()
        if held:
            self._run.counts["held"] += 0 if again else len(held)
            todo = [one for one in todo if (one.row.event_id, one.row.timestamp) not in held]
        if todo:
            self._apply([one for one in todo if not one.removed])
            self._remove([one for one in todo if one.removed])
            self._run.changed(self._connection, todo)
        return len(todo)

    def _apply(self, todo: list[Treated]) -> None:
        by_kind: dict[tuple[Kind, ClassName], list[Treated]] = {}
        for one in todo:
            for cls, kind in one.kinds.items():
                by_kind.setdefault((kind, cls), []).append(one)
        with ExitStack() as told:
            for (kind, cls), members in by_kind.items():
                keys = [one.row.key for one in members]
                told.enter_context(changing(self._connection, self._lane, self._run.act_id, kind, cls, keys))
            plain = [one for one in todo if one.own and self._aim.new is None and "content" not in one.kinds]
            rest = [one for one in todo if not (one.own and self._aim.new is None and "content" not in one.kinds)]
            if plain:
                self._connection.execute(_ANONYMISE.encode(), _keys(plain))
            if rest:
                self._connection.execute(_CHANGE.encode(), _keys(rest) | _values(rest))

    def _remove(self, todo: list[Treated]) -> None:
        if not todo:
            return
        keys = [one.row.key for one in todo]
        with changing(self._connection, self._lane, self._run.act_id, "removed", None, keys):
            self._connection.execute(_REMOVE.encode(), _keys(todo))
        self._connection.execute(_FORGET_PENDING, _keys(todo))
        self._connection.execute(_FORGET_ENDS, [[key.lane for key in keys], [key.seq for key in keys]])
        users = {one.row.user_email for one in todo if one.row.user_email and not one.own}
        sessions.recount(self._connection, [self._aim.text(user) for user in users])


def foreseen(connection: Connection, keys: Sequence[tuple[datetime, UUID]], aim: Aim) -> list[Treated]:
    """What becomes of the rows with these keys, in the order of commits; without those that stay."""
    if not keys:
        return []
    found = [Found(*row) for row in connection.execute(_TAKE, [[at for at, _ in keys], [event for _, event in keys]])]
    found.sort(key=lambda row: (row.lane, row.lane_seq))
    return [done for row in found if (done := treated(row, aim)) is not None]


def _keys(todo: list[Treated]) -> dict[str, Any]:
    moments = [one.row.timestamp for one in todo]
    return {"moments": moments, "ids": [one.row.event_id for one in todo], "first": min(moments), "last": max(moments)}


def _values(todo: list[Treated]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: [getattr(one.row, name) for one in todo] for name in _CHANGED}
    return columns | {"tags": [None if one.row.tags is None else Jsonb(list(one.row.tags)) for one in todo]}
