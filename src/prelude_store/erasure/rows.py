"""Rows of the log are changed, a small batch at a time: each a transaction of its own, short enough that nobody waits for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.types.json import Jsonb

from prelude_store.erasure import sessions
from prelude_store.erasure.aim import FOUND_COLUMNS, Found, Treated, treated
from prelude_store.erasure.held import held_rows
from prelude_store.governance import holds
from prelude_store.governance.changes import MAKE_LIST, SEAL_LOCK, changing, changing_listed
from prelude_store.mentions.content import CONTENT
from prelude_store.mentions.search import NAMES, TEXTS, looks_like, said_in
from prelude_store.one_by_one import one_by_one
from prelude_store.portion import TOO_LONG, Portion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run
    from prelude_store.governance.changes import ClassName, Kind

__all__ = ["Batches", "foreseen"]

_MOST: Final = 4_000
_LEAST: Final = 200
_FIRST: Final = 500
_MANY: Final = 15_000
_RETRIES: Final = 10
_IN_THE_WAY: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)

# Who acts stands in a column of its own; this is about all else.
_WORDS: Final = tuple(name for name in TEXTS + NAMES if name != "user_email")
# By them the planner leaves out partitions that can't hold any of the rows, and plans in a third of the time.
_FIND: Final = f"""
FROM unnest(%(moments)s::timestamptz[], %(ids)s::uuid[]) AS wanted (moment, id)
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs AS log WHERE log."timestamp" = wanted.moment AND log.event_id = wanted.id
        AND log."timestamp" BETWEEN %(first)s AND %(last)s OFFSET 0
) AS log {said_in("log", _WORDS)}
"""  # noqa: S608 (constants)
_TAKE: Final = f"SELECT {FOUND_COLUMNS}, {{like}} {_FIND}"
# What the person did that names them nowhere else, and has no personal field: none of it need be looked at here. It is listed; the rest is given.
_IS_PLAIN: Final = """
(user_email = %(email)s AND personal_paths IS NULL AND NOT named AND NOT action_type || '.' || action_name = ANY (%(kinds)s::text[])) IS TRUE
"""
_SIFT: Final = f"""
WITH found AS MATERIALIZED (SELECT {FOUND_COLUMNS}, {{like}} AS named {_FIND}), plain AS (
    INSERT INTO pg_temp.prelude_changing (lane, lane_seq, event_id, moment, person, device, content)
    SELECT lane, lane_seq, event_id, "timestamp", true, user_agent IS NOT NULL OR ip_address IS NOT NULL, false FROM found WHERE {_IS_PLAIN}
)
SELECT * FROM found WHERE NOT {_IS_PLAIN}
"""  # noqa: S608 (constants)
_LIST: Final = f"""
COPY pg_temp.prelude_changing (lane, lane_seq, event_id, moment, person, device, content, {", ".join(CONTENT)}) FROM STDIN
"""
_ANONYMISE: Final = f"""
UPDATE public.user_activity_logs AS log
SET user_email = NULL, session_id = NULL, user_agent = NULL, ip_address = NULL, content_hash = '',
    {", ".join(f"{name} = CASE WHEN new.content THEN new.{name} ELSE log.{name} END" for name in CONTENT)}
FROM pg_temp.prelude_changing AS new
WHERE log."timestamp" = new.moment AND log.event_id = new.event_id
"""  # noqa: S608 (constants)
_DAYS: Final = """
SELECT (moment AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE device) FROM pg_temp.prelude_changing WHERE NOT content GROUP BY 1
"""
_KEYED: Final = """
FROM unnest(%(moments)s::timestamptz[], %(ids)s::uuid[]) AS new (moment, id)
WHERE log."timestamp" = new.moment AND log.event_id = new.id
"""
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
WHERE log."timestamp" = new.moment AND log.event_id = new.id
"""
_FORGET_PENDING: Final = """
DELETE FROM public.pending_rows USING unnest(%(moments)s::timestamptz[], %(ids)s::uuid[]) AS gone (moment, id)
WHERE pending_rows.event_id = gone.id AND pending_rows."timestamp" = gone.moment
"""
_FORGET_ENDS: Final = """
DELETE FROM public.superseded_rows USING unnest(%s::integer[], %s::bigint[]) AS gone (lane, seq)
WHERE superseded_rows.lane = gone.lane AND superseded_rows.lane_seq = gone.seq
"""
_ANONYMOUS: Final[dict[ClassName, Kind]] = {"person": "erased", "device": "erased", "content": "redacted"}
"""What becomes of each class of what the person did."""
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
        for statement in MAKE_LIST:
            connection.execute(statement.encode())
        self._listed = 0
        # Whoever completes a length of one of its rows waits for it, and so does the sealer.
        self._portion = Portion(first=_FIRST, least=_LEAST, most=_MOST)

    def change(self, keys: Sequence[tuple[datetime, UUID]], told: Callable[[int], None] = lambda _done: None) -> int:
        """Change the rows with these keys as the aim has it; gives how many were changed. Keys of rows that are gone are passed over.

        Args:
            told: how many keys are done, after each batch.
        """
        if self._listed > _MANY:  # what was deleted there is passed over by every look
            self._connection.execute("TRUNCATE pg_temp.prelude_changing, pg_temp.prelude_befores")
            self._listed = 0
        changed, at = 0, 0
        while at < len(keys):
            batch = keys[at : at + self._portion.size]
            try:
                changed += self._insist(batch)
            except TOO_LONG:
                if not self._portion.undone(len(batch)):
                    raise
                continue
            at += len(batch)
            told(at)
        return changed

    def within(self, keys: Sequence[tuple[datetime, UUID]]) -> int:
        """The same within the open transaction; for few rows."""
        return self._once(keys, again=True) if keys else 0

    def _insist(self, batch: Sequence[tuple[datetime, UUID]]) -> int:
        """Again where a writer that completed a duration was in the way."""
        counted = self._run.counts.copy()
        for attempt in range(_RETRIES):
            try:
                with self._connection.transaction():
                    changed = self._once(batch)
            except BaseException as error:
                self._run.counts = counted.copy()
                if attempt == _RETRIES - 1 or not isinstance(error, _IN_THE_WAY):
                    raise
            else:
                self._portion.committed(len(batch))
                return changed
        raise AssertionError

    def _once(self, batch: Sequence[tuple[datetime, UUID]], *, again: bool = False) -> int:
        # Taken before the look: what is written is made of what no other change comes between.
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
        if not again:
            self._portion.begin(self._connection, len(batch))
        plain, todo = self._looked_at(batch)
        held = held_rows(self._connection, [one.row.key for one in todo]) if self._aim.new is None else set()
        if held:
            self._run.counts["held"] += 0 if again else len(held)
            todo = [one for one in todo if (one.row.event_id, one.row.timestamp) not in held]
        own = [one for one in todo if one.own and not one.removed and self._aim.new is None]
        others = [
            one for one in todo if not (one.own or one.removed) or (self._aim.new is not None and not one.removed)
        ]
        if plain or own:
            self._anonymise(own)
        self._apply(others)
        self._remove([one for one in todo if one.removed])
        if plain or todo:
            self._run.changed(self._connection, todo, plain)
        if plain or own:
            self._listed += sum(rows for _, rows, _ in plain) + len(own)
            self._connection.execute("DELETE FROM pg_temp.prelude_changing")
            self._connection.execute("DELETE FROM pg_temp.prelude_befores")
        if not again:
            self._portion.go_on(len(batch))
        return sum(rows for _, rows, _ in plain) + len(todo)

    def _looked_at(self, batch: Sequence[tuple[datetime, UUID]]) -> tuple[list[tuple[date, int, int]], list[Treated]]:
        """List what the person did of which nothing but the person goes, and give of each day how many rows, and how many of a device; and what
        becomes of the other rows.

        Where each row must be looked at, none is listed.
        """
        if self._aim.new is not None:
            return [], foreseen(self._connection, batch, self._aim)
        holds.stand_still(self._connection)
        if holds.held(self._connection) is not None:
            return [], foreseen(self._connection, batch, self._aim)
        others = _treated(self._connection, _SIFT, batch, self._aim)
        return self._connection.execute(_DAYS).fetchall(), others

    def _anonymise(self, own: list[Treated]) -> None:
        """Take the person out of the rows that are listed, and out of `own`."""
        if own:
            with self._connection.cursor() as cursor, cursor.copy(_LIST.encode()) as copy:
                for one in own:
                    copy.write_row(_listed(one))
        telling = changing_listed(self._connection, self._lane, self._run.act_id, _ANONYMOUS)
        with telling, one_by_one(self._connection):
            self._connection.execute(_ANONYMISE.encode())

    def _apply(self, todo: list[Treated]) -> None:
        by_kind: dict[tuple[Kind, ClassName], list[Treated]] = {}
        for one in todo:
            for cls, kind in one.kinds.items():
                by_kind.setdefault((kind, cls), []).append(one)
        with ExitStack() as told:
            for (kind, cls), members in by_kind.items():
                keys = [one.row.key for one in members]
                told.enter_context(changing(self._connection, self._lane, self._run.act_id, kind, cls, keys))
            if todo:
                with one_by_one(self._connection):
                    self._connection.execute(_CHANGE.encode(), _keys(todo) | _values(todo))

    def _remove(self, todo: list[Treated]) -> None:
        if not todo:
            return
        keys = [one.row.key for one in todo]
        telling = changing(self._connection, self._lane, self._run.act_id, "removed", None, keys)
        with telling, one_by_one(self._connection):
            self._connection.execute(_REMOVE.encode(), _keys(todo))
        self._connection.execute(_FORGET_PENDING, _keys(todo))
        self._connection.execute(_FORGET_ENDS, [[key.lane for key in keys], [key.seq for key in keys]])
        users = {one.row.user_email for one in todo if one.row.user_email and not one.own}
        sessions.recount(self._connection, [self._aim.text(user) for user in users])


def foreseen(connection: Connection, keys: Sequence[tuple[datetime, UUID]], aim: Aim) -> list[Treated]:
    """What becomes of the rows with these keys, in the order of commits; without those that stay."""
    return _treated(connection, _TAKE, keys, aim)


def _treated(connection: Connection, asked: str, keys: Sequence[tuple[datetime, UUID]], aim: Aim) -> list[Treated]:
    if not keys:
        return []
    like, values = _named(aim)
    rows = connection.execute(asked.replace("{like}", like).encode(), values | _wanted(keys))
    found = sorted((Found(*row) for row in rows), key=lambda row: (row.lane, row.lane_seq))
    return [done for row in found if (done := treated(row, aim)) is not None]


def _named(aim: Aim) -> tuple[str, dict[str, Any]]:
    """A condition that every row meets which names the person beside as the acting user; with its parameters, and those of `_IS_PLAIN`."""
    values: dict[str, Any] = {"email": aim.address.email, "kinds": aim.personal_kinds}
    if not aim.address.within_texts:
        return "false", values
    like, needles = looks_like(aim.address)
    names = [f"needle_{number}" for number in range(len(needles))]
    return like % tuple(f"%({name})s" for name in names), values | dict(zip(names, needles, strict=True))


def _wanted(keys: Sequence[tuple[datetime, UUID]]) -> dict[str, Any]:
    moments = [at for at, _ in keys]
    return {"moments": moments, "ids": [event for _, event in keys], "first": min(moments), "last": max(moments)}


def _listed(one: Treated) -> tuple[Any, ...]:
    """As `_LIST` has it."""
    row, kinds = one.row, one.kinds
    changes = (cls in kinds for cls in _ANONYMOUS)
    tags = None if row.tags is None else list(row.tags)
    return (*row.key, *changes, row.page_url, row.entity_id, row.action_data, row.result_data, tags)


def _keys(todo: list[Treated]) -> dict[str, Any]:
    moments = [one.row.timestamp for one in todo]
    return {"moments": moments, "ids": [one.row.event_id for one in todo]}


def _values(todo: list[Treated]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: [getattr(one.row, name) for one in todo] for name in _CHANGED}
    return columns | {"tags": [None if one.row.tags is None else Jsonb(list(one.row.tags)) for one in todo]}
