"""How far the keeper has come: the watermark, and what is still to be built anew."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["SESSION_GAP", "State", "behind", "lock_state", "seqs", "session_gap", "state", "touch"]

SESSION_GAP: Final = "PRELUDE_SESSION_GAP"
"""Environment variable: minutes without a row that end a derived session. Unset: as the database has it, at first 30."""

_MINUTES_A_DAY: Final = 1440

_SEQS: Final = """
SELECT lane, coalesce(seq, 0), last_seq FROM public.ingest_lanes LEFT JOIN public.rollup_cursors USING (lane) ORDER BY lane
"""
_STATE: Final = """
SELECT as_of, session_gap, (SELECT count(*) FROM public.rollup_rebuild) AS to_build FROM public.rollup_state
"""
_LOCK_ALONE: Final = "SELECT 1 FROM public.rollup_state FOR UPDATE"
_LOCK_TOGETHER: Final = "SELECT 1 FROM public.rollup_state FOR SHARE"
_TOUCH: Final = """
UPDATE public.rollup_state SET as_of = now() WHERE NOT EXISTS (
    SELECT FROM public.ingest_lanes LEFT JOIN public.rollup_cursors USING (lane) WHERE last_seq > coalesce(seq, 0)
) AND NOT EXISTS (SELECT FROM public.rollup_rebuild)
"""


class State(NamedTuple):
    """Where the rollups stand.

    Args:
        as_of: what was committed before then is counted; None before the first pass.
        session_gap: that the derived sessions are made with.
        to_build: days that are to be built anew, of rollups and of sessions.
        behind: places in the lanes that are not counted yet.
        cursors: the watermark, ``{lane: lane_seq}``.
    """

    as_of: datetime | None
    session_gap: timedelta
    to_build: int
    behind: int
    cursors: dict[int, int]


def session_gap(environment: Mapping[str, str] | None = None) -> timedelta | None:
    """What `SESSION_GAP` says; None where it says nothing.

    Raises:
        ConfigurationError: it is no whole number of minutes from 1 to a day.
    """
    said = (os.environ if environment is None else environment).get(SESSION_GAP)
    if not said:
        return None
    if not said.isascii() or not said.isdecimal() or not 1 <= int(said) <= _MINUTES_A_DAY:
        raise ConfigurationError(f"{SESSION_GAP} is {said!r}; write whole minutes from 1 to {_MINUTES_A_DAY}, e.g. 30")
    return timedelta(minutes=int(said))


def seqs(connection: Connection) -> list[tuple[int, int, int]]:
    """Of each lane: its number, the place that is counted, and the last one that is committed."""
    return [(int(lane), int(seq), int(last)) for lane, seq, last in connection.execute(_SEQS)]


def behind(connection: Connection) -> int:
    """Places in the lanes that are not counted yet."""
    return sum(last - seq for _, seq, last in seqs(connection))


def state(connection: Connection) -> State:
    """Where the rollups stand; a reader's rights suffice."""
    as_of, gap, to_build = _one(connection, _STATE)
    lanes = seqs(connection)
    cursors = {lane: seq for lane, seq, _ in lanes}
    return State(as_of, gap, to_build, sum(last - seq for _, seq, last in lanes), cursors)


def lock_state(connection: Connection, *, exclusive: bool) -> State:
    """The same, and nobody moves the watermark until the transaction ends."""
    connection.execute(_LOCK_ALONE if exclusive else _LOCK_TOGETHER)
    return state(connection)


def touch(connection: Connection) -> None:
    """Say that all that is committed by now is counted, if so."""
    connection.execute(_TOUCH)


def _one(connection: Connection, question: str) -> tuple[Any, ...]:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None  # noqa: S101 (a table of one row)
    return row
