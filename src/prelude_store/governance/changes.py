"""Changes of rows that are told: who changes rows in here leaves an entry of the log for each."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from psycopg.pq import TransactionStatus

from prelude_otel.errors import StoreError
from prelude_store import lanes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from prelude_store.connection import Connection

__all__ = ["CLASSES", "MAKE_LIST", "SEAL_LOCK", "ClassName", "Kind", "RowKey", "changing", "changing_listed"]

ClassName = Literal["person", "device", "content"]
Kind = Literal["erased", "redacted", "renamed", "removed"]

CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "person": ("user_email", "session_id"),
    "device": ("user_agent", "ip_address"),
    "content": ("page_url", "entity_id", "action_data", "result_data", "tags"),
}
"""Columns that may go or change, by class; all others of a row stay as they are for as long as the row does."""

SEAL_LOCK: Final = 0x7365616C  # "seal"
"""Advisory lock of who seals, and of who changes rows: a row is sealed as it was before, or after, and never half."""

_SALT_BYTES: Final = 16
_RELEASE: Final = """
SELECT place, before FROM public.prelude_release(%s::integer[], %s::bigint[], %s::uuid[], %s::timestamptz[], %s)
"""
_GONE: Final = """
INSERT INTO public.activity_changes (lane, lane_seq, act_id, row_lane, row_seq, event_id, "timestamp", kind, class, before)
SELECT %(lane)s, %(first)s - 1 + place, act, row_lane, row_seq, event_id, moment, %(kind)s, %(class)s, before
FROM unnest(%(acts)s::bigint[], %(lanes)s::integer[], %(seqs)s::bigint[], %(ids)s::uuid[], %(moments)s::timestamptz[], %(befores)s::bytea[])
    WITH ORDINALITY AS gone (act, row_lane, row_seq, event_id, moment, before, place)
"""
# OFFSET 0 keeps it one look into the index for each row, whatever the planner believes.
_OTHER: Final = """
INSERT INTO public.activity_changes (
    lane, lane_seq, act_id, row_lane, row_seq, event_id, "timestamp", kind, class, before, after, salt
)
SELECT %(lane)s, %(first)s - 1 + place, act, row_lane, row_seq, event_id, moment, %(kind)s, %(class)s, before, after, salt
FROM (
    SELECT *, substr(%(salts)s::bytea, ((place - 1) * 16 + 1)::integer, 16) AS salt
    FROM unnest(%(acts)s::bigint[], %(lanes)s::integer[], %(seqs)s::bigint[], %(ids)s::uuid[], %(moments)s::timestamptz[], %(befores)s::bytea[])
        WITH ORDINALITY AS keys (act, row_lane, row_seq, event_id, moment, before, place)
) AS changed CROSS JOIN LATERAL (
    SELECT public.prelude_commitment(log, %(class)s, changed.salt) AS after FROM public.user_activity_logs AS log
    WHERE log."timestamp" = changed.moment AND log.event_id = changed.event_id OFFSET 0
) AS now
"""

MAKE_LIST: Final = (
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_changing (
    lane integer, lane_seq bigint, event_id uuid, moment timestamptz, person boolean, device boolean, content boolean,
    page_url text, entity_id text, action_data jsonb, result_data jsonb, tags text[]
)
""",
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_befores (class text, place bigint, before bytea)
""",
)
"""What makes the tables of `changing_listed`: rows that change with the classes that do, and new values of the class content. Who fills them deletes
what is in them before COMMIT. To have the server cut them (ON COMMIT DELETE ROWS) would cut their files each time, and whoever waits for the disk
behind that waits for tenths of a second."""

_PLACED: Final = """
SELECT row_number() OVER (ORDER BY lane, lane_seq) AS place, lane, lane_seq, event_id, moment FROM pg_temp.prelude_changing WHERE {class}
"""
_RELEASE_LISTED: Final = f"""
INSERT INTO pg_temp.prelude_befores
SELECT %(class)s, released.place, released.before FROM (
    SELECT array_agg(lane ORDER BY place) AS lanes, array_agg(lane_seq ORDER BY place) AS seqs, array_agg(event_id ORDER BY place) AS ids,
        array_agg(moment ORDER BY place) AS moments FROM ({_PLACED}) AS placed
) AS all_of CROSS JOIN LATERAL public.prelude_release(all_of.lanes, all_of.seqs, all_of.ids, all_of.moments, %(class)s) AS released
"""  # noqa: S608 (constants)
_GONE_LISTED: Final = f"""
INSERT INTO public.activity_changes (lane, lane_seq, act_id, row_lane, row_seq, event_id, "timestamp", kind, class, before)
SELECT %(lane)s, %(first)s - 1 + placed.place, %(act)s, placed.lane, placed.lane_seq, placed.event_id, placed.moment, %(kind)s, %(class)s,
    befores.before
FROM ({_PLACED}) AS placed LEFT JOIN pg_temp.prelude_befores AS befores ON befores.class = %(class)s AND befores.place = placed.place
"""  # noqa: S608 (constants)
_OTHER_LISTED: Final = f"""
INSERT INTO public.activity_changes (
    lane, lane_seq, act_id, row_lane, row_seq, event_id, "timestamp", kind, class, before, after, salt
)
SELECT %(lane)s, %(first)s - 1 + place, %(act)s, lane, lane_seq, event_id, moment, %(kind)s, %(class)s, before, after, salt
FROM (
    SELECT placed.*, befores.before, substr(%(salts)s::bytea, ((placed.place - 1) * 16 + 1)::integer, 16) AS salt
    FROM ({_PLACED}) AS placed LEFT JOIN pg_temp.prelude_befores AS befores ON befores.class = %(class)s AND befores.place = placed.place
) AS changed CROSS JOIN LATERAL (
    SELECT public.prelude_commitment(log, %(class)s, changed.salt) AS after FROM public.user_activity_logs AS log
    WHERE log."timestamp" = changed.moment AND log.event_id = changed.event_id OFFSET 0
) AS now
"""  # noqa: S608 (constants)


class RowKey(NamedTuple):
    """Which row of the log.

    Args:
        lane: of the row, with `seq`: its place in the order of commits.
    """

    lane: int
    seq: int
    event_id: UUID
    timestamp: datetime


@contextmanager
def changing(
    connection: Connection,
    lane: int,
    act_id: int | Sequence[int],
    kind: Kind,
    cls: ClassName | None,
    rows: Sequence[RowKey],
) -> Iterator[None]:
    """Change or remove `rows` inside; what was done stands in ``activity_changes`` afterwards.

    Inside, set ``content_hash = ''`` of every row that stays: a resend of the original then counts as known. Changes of several classes of
    the same rows are several of these, one within or behind the other.

    Args:
        connection: of a member of ``prelude_governor``, with an open transaction of ``READ COMMITTED``. Sealing waits until it ends, so
            keep it short: a few thousand rows.
        lane: of this connection (`lanes.claim`), taken behind the change and ours until COMMIT.
        act_id: of the act (`acts.record_act`) that it belongs to; or one for each of `rows`.
        kind: ``erased`` (all columns of the class NULL), ``redacted`` or ``renamed`` (other values), ``removed`` (row deleted).
        cls: None for ``removed``, which is of all classes.
        rows: each once.

    Raises:
        StoreError: no transaction is open, or it would not see what was sealed while it waited; or a row that was to be kept is gone.
    """
    if (kind == "removed") != (cls is None):
        raise ValueError(f"a change of kind {kind!r} can't be of class {cls!r}: removals alone are of no class")
    _refuse_other_transactions(connection)
    if not rows:
        yield
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
    acts = [act_id] * len(rows) if isinstance(act_id, int) else list(act_id)
    row_lanes, seqs, ids, moments = (list(column) for column in zip(*rows, strict=True))
    befores: list[bytes | None] = [None] * len(rows)
    for place, before in connection.execute(_RELEASE, [row_lanes, seqs, ids, moments, cls]):
        befores[place - 1] = before
    yield
    first = lanes.reserve(connection, lane, len(rows))
    told = connection.execute(
        _OTHER if kind in {"redacted", "renamed"} else _GONE,
        {
            "lane": lane, "first": first, "acts": acts, "kind": kind, "class": cls, "lanes": row_lanes, "seqs": seqs,
            "ids": ids, "moments": moments, "befores": befores, "salts": os.urandom(_SALT_BYTES * len(rows)),
        },
    ).rowcount  # fmt: skip
    if told != len(rows):
        raise StoreError(f"of {len(rows)} rows that were to be {kind}, {len(rows) - told} are not in the log")


@contextmanager
def changing_listed(connection: Connection, lane: int, act_id: int, kinds: Mapping[ClassName, Kind]) -> Iterator[None]:
    """As `changing`, of the rows in ``prelude_changing``, each of the classes that change of it. They need not leave the server.

    Args:
        connection: as that of `changing`, with the tables of `MAKE_LIST`.
        kinds: of the change of each class.
    """
    _refuse_other_transactions(connection)
    asked = f"SELECT {', '.join(f'count(*) FILTER (WHERE {cls})' for cls in kinds)} FROM pg_temp.prelude_changing"  # noqa: S608 (constants)
    row = connection.execute(asked.encode()).fetchone() or ()
    counts = {cls: int(count) for cls, count in zip(kinds, row, strict=True) if count}
    if not counts:
        yield
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
    for cls in counts:
        connection.execute(_RELEASE_LISTED.replace("{class}", cls).encode(), {"class": cls})
    yield
    first = lanes.reserve(connection, lane, sum(counts.values()))
    for cls, count in counts.items():
        kind = kinds[cls]
        values: dict[str, Any] = {"lane": lane, "first": first, "act": act_id, "kind": kind, "class": cls}
        statement = _GONE_LISTED
        if kind in {"redacted", "renamed"}:
            statement, values["salts"] = _OTHER_LISTED, os.urandom(_SALT_BYTES * count)
        told = connection.execute(statement.replace("{class}", cls).encode(), values).rowcount
        if told != count:
            raise StoreError(f"of {count} rows that were to be {kind}, {count - told} are not in the log")
        first += count


def _refuse_other_transactions(connection: Connection) -> None:
    if connection.info.transaction_status is TransactionStatus.IDLE:
        raise StoreError("rows are changed within a transaction: open one with connection.transaction()")
    row = connection.execute("SELECT current_setting('transaction_isolation')").fetchone()
    if row is None or row[0] != "read committed":
        raise StoreError(f"rows are changed in a transaction of READ COMMITTED, not of {row and row[0]}")
