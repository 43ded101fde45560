"""A week that is due as a whole leaves the log as a partition: detached beside readers and writers, and dropped.

Where it stands is written down, so that a run that was ended in the middle is gone on with. The act comes first: at no moment is anything
gone that no act explains. A row that came in between and is held, or not counted yet, brings the partition back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.errors import LockNotAvailable

from prelude_store.governance import holds
from prelude_store.governance.acts import record_act, record_drop
from prelude_store.retention import derived
from prelude_store.retention.due import due
from prelude_store.retention.patience import IN_THE_WAY, again
from prelude_store.retention.plan import look
from prelude_store.retention.swept import sweep_away
from prelude_store.retention.weeks import Leaving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.retention.policy import Policy
    from prelude_store.retention.weeks import Week

__all__ = ["DROP_RETURNED", "begin", "finish", "unfinished"]

DROP_RETURNED: Final = "drop_returned"
"""The kind of act by which a drop is taken back."""

_NOTE: Final = """
INSERT INTO public.retention_days AS known (day, action_type, action_name, rows)
SELECT ("timestamp" AT TIME ZONE 'UTC')::date, action_type, public.prelude_key(action_name), count(*) FROM public.user_activity_logs
WHERE "timestamp" >= %s AND "timestamp" < %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (day, action_type, action_name) DO UPDATE SET rows = known.rows + excluded.rows
"""
_BEGIN: Final = (
    "INSERT INTO public.retention_drops (act_id, partition_name, starts, ends, rows) VALUES (%s, %s, %s, %s, %s)"
)
_OPEN: Final = "SELECT act_id, partition_name, starts, ends, rows FROM public.retention_drops WHERE ended_at IS NULL ORDER BY act_id"
_STATE: Final = "SELECT public.prelude_partition_state(%s)"
_OWNER: Final = "SET ROLE prelude_partitions"
_DETACH: Final = "ALTER TABLE public.user_activity_logs DETACH PARTITION public.{} {}"
_READERS: Final = """
SELECT virtualtransaction FROM pg_locks
WHERE relation = 'public.user_activity_logs'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid <> pg_backend_pid() AND granted
"""
_A_MOMENT: Final = 0.5
"""Seconds; who reads the log longer than that may do so for hours."""
_CONCURRENTLY: Final = "5s"
"""``lock_timeout`` of the detaching that waits for readers, and holds nothing while it waits."""
_FINALIZE: Final = "100ms"
"""That of finishing one which was ended there: it holds off who makes a partition."""
_STAYING: Final = """
SELECT EXISTS (SELECT FROM public.{} AS log LEFT JOIN public.rollup_cursors AS passed USING (lane) WHERE {} OR {})
"""
_NOT_COUNTED: Final = "coalesce(passed.seq, 0) < log.lane_seq AND (SELECT as_of IS NOT NULL FROM public.rollup_state)"


def unfinished(connection: Connection) -> list[Leaving]:
    """Partitions that are on their way out, the first first."""
    return [Leaving(*row) for row in connection.execute(_OPEN)]


def begin(
    connection: Connection, lane: int, actor: str, policies: Sequence[Policy], now: datetime, week: Week
) -> Leaving | None:
    """Say that a week leaves; None where it is not due as a whole any more.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode.
        lane: as `acts.record_act`, with `actor`.
        now: that is judged by.
    """
    with connection.transaction():
        derived.lock(connection)
        holds.stand_still(connection)
        is_due = due(policies, now, holds.held(connection))
        looked = is_due and look(connection, is_due, week)
        if not looked or not looked.drop:
            return None
        by = sorted({policy for policy, _ in looked.going})
        act = record_drop(
            connection, lane, actor, week.starts, week.ends, partition=week.name, rows=looked.rows, policies=by
        )
        connection.execute(_BEGIN, [act, week.name, week.starts, week.ends, looked.rows])
        # From here on the counts of these days stand, and no rebuild makes them of fewer rows.
        connection.execute(_NOTE, [week.starts, week.ends])
    return Leaving(act, week.name, week.starts, week.ends, looked.rows)


def finish(connection: Connection, lane: int, actor: str, leaving: Leaving, patience: float) -> bool:
    """Detach a partition that is on its way out, and drop it; from wherever an earlier run was ended.

    Args:
        patience: seconds to wait for who still reads the log.

    Returns:
        Whether it is gone; False where something in it is to stay, so that it is back in the log.

    Raises:
        psycopg.errors.LockNotAvailable: somebody reads on and on; it stays on its way out.
    """
    detach(connection, leaving.name, patience)
    connection.execute("SELECT public.prelude_read_partition(%s)", [leaving.act])
    if _something_stays(connection, leaving):
        return _give_back(connection, lane, actor, leaving, patience)
    sweep_away(connection, leaving)

    def drop() -> bool:
        with connection.transaction():
            holds.stand_still(connection)
            if _something_stays(connection, leaving):
                return False
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(leaving.name))
            ).fetchone()
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [IN_THE_WAY])
            connection.execute("SELECT public.prelude_drop_partition(%s)", [leaving.act])
            detail: dict[str, Any] = {"partition": leaving.name, "rows": row and row[0], "of": leaving.act}
            record_drop(connection, lane, actor, leaving.starts, leaving.ends, **detail)
        return True

    return again(drop, patience) or _give_back(connection, lane, actor, leaving, patience)


def detach(connection: Connection, name: str, patience: float) -> None:
    """Take a partition out of the log, beside readers and writers; does nothing where it is out.

    Whoever began to read the log before is waited for, `patience` seconds at most. Nobody waits for us meanwhile, but who makes a partition, for
    100 ms at most.
    """
    again(lambda: _detach_once(connection, name), patience)


def _detach_once(connection: Connection, name: str) -> None:
    state = _state(connection, name)
    if state not in {"attached", "pending"}:
        return
    if state == "attached":
        _refuse_long_readers(connection)
    how, lock_timeout = ("CONCURRENTLY", _CONCURRENTLY) if state == "attached" else ("FINALIZE", _FINALIZE)
    try:
        connection.execute(_OWNER)
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [lock_timeout])
        connection.execute(sql.SQL(_DETACH).format(sql.Identifier(name), sql.SQL(how)))
    finally:
        connection.execute("RESET lock_timeout")
        connection.execute("RESET ROLE")


def _refuse_long_readers(connection: Connection) -> None:
    """Don't begin what would stand half done until they end: a week on its way out takes no late rows."""
    before = connection.execute(_READERS).fetchall()
    time.sleep(_A_MOMENT)
    if set(before) & set(connection.execute(_READERS).fetchall()):
        raise LockNotAvailable("a transaction that has read the log is still open")


def _state(connection: Connection, name: str) -> str:
    row = connection.execute(_STATE, [name]).fetchone()
    return str(row[0]) if row else "none"


def _something_stays(connection: Connection, leaving: Leaving) -> bool:
    held = holds.held(connection, whole="ROW(log.*)::public.user_activity_logs")
    is_held = sql.SQL("false" if held is None else f"{held.sql} IS NOT NULL")
    question = sql.SQL(_STAYING).format(sql.Identifier(leaving.name), is_held, sql.SQL(_NOT_COUNTED))
    row = connection.execute(question, {} if held is None else held.parameters).fetchone()
    return bool(row and row[0])


def _give_back(connection: Connection, lane: int, actor: str, leaving: Leaving, patience: float) -> bool:
    def attach() -> None:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [IN_THE_WAY])
            connection.execute("SELECT public.prelude_return_partition(%s)", [leaving.act])
            record_act(connection, lane, DROP_RETURNED, actor, {"partition": leaving.name, "of": leaving.act})

    again(attach, patience)
    return False
