"""A log with a life behind it: rows of three weeks in several lanes, lengths that came late, erasures, changes of address, removals and a
drop, sealed pass by pass; and what a verifier outside would have kept of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from prelude_store import lanes
from prelude_store.connection import Connection, connect
from prelude_store.governance.acts import record_act, record_drop
from prelude_store.governance.changes import RowKey, changing
from prelude_store.row import SpanLength
from prelude_store.seals import keys, passes
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.notes import Checkpoint
from prelude_store.seals.sealer import connected
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us, waiting_row

WEEK_US = 7 * 86_400_000_000


class Sealed(NamedTuple):
    """A sealed log.

    Args:
        checkpoints: all that were signed, oldest first.
        dropped: start and end of the week that was lawfully dropped.
    """

    url: str
    key: SigningKey
    checkpoints: list[Checkpoint]
    dropped: tuple[datetime, datetime]


def some_row(chance: random.Random, **changes: Any) -> Any:
    """A row with any of its columns there or not."""
    fields: dict[str, Any] = {
        "timestamp_us": now_us() - chance.randrange(3 * WEEK_US),
        "user_email": chance.choice(["anna@company.com", "bo@company.com", "çelik@company.com", None]),
        "session_id": chance.choice(["s1", "s2", None]),
        "entity_type": chance.choice(["deal", "customer", None]),
        "entity_id": chance.choice(["1", "22", "", None]),
        "page_url": chance.choice(["/crm/deals/1", "/crm/deals?q=ö", None]),
        "user_agent": chance.choice(["Mozilla/5.0", None]),
        "ip_address": chance.choice(["203.0.113.7", "2001:db8::1", None]),
        "action_data": chance.choice(['{"a": 1, "b": "x,y:z"}', '{"name": "Ünal", "n": 1.50}', "{}", None]),
        "result_data": chance.choice(['{"ok": true}', None]),
        "tags": chance.choice([("vip",), ("a", "b,c", ""), (), None]),
        "personal_paths": chance.choice([("action_data.name",), None]),
        "duration_ms": chance.choice([0, 12, 99999, None]),
        "result_status": chance.choice(["success", "error", "pending", "timeout"]),
    } | changes
    return make_row(**fields)


def make_sealed(url: str, folder: Path, seed: int = 7, rounds: int = 12, rows: int = 60) -> Sealed:
    """Give the database of `url` such a life."""
    chance = random.Random(seed)
    key = keys.generate(folder / f"seal-{seed}.key")
    checkpoints: list[Checkpoint] = []
    with (
        closing(Writer(as_role(url, "writer"))) as first,
        closing(Writer(as_role(url, "writer"))) as second,
        closing(Writer(as_role(url, "writer"))) as third,
        connected(as_role(url, "sealer"), "test") as sealing,
        connect(as_role(url, "governor"), "test") as governor,
    ):
        writers = [first, second, third]
        lane = lanes.claim(governor)
        passes.admit(sealing, key)

        def seal() -> None:
            done = passes.carry_out(sealing, key, portion=chance.choice([50, 20_000]), checkpoint_seconds=0)
            if done.checkpoint:
                checkpoints.append(done.checkpoint)

        waiting: list[Any] = []
        for round_number in range(rounds):
            for writer in writers:
                late = [waiting_row(timestamp_us=now_us() - chance.randrange(WEEK_US)) for _ in range(3)]
                writer.write(Batch(rows=[*(some_row(chance) for _ in range(rows // 3)), *late]))
                waiting += late
            if chance.random() < 0.7:
                seal()
            chance.shuffle(waiting)
            spans = [SpanLength(row.trace_id, row.span_id, chance.randrange(10**9)) for row in waiting[:5]]
            del waiting[:5]
            chance.choice(writers).write(Batch(spans=spans))
            if round_number % 3 == 1:
                _change(governor, lane, chance)
            if round_number == rounds // 2:
                dropped = drop_week(url, governor, lane, seal)
        for _ in range(30):
            seal()
        with governor.transaction():
            record_act(governor, lane, "hold", "token-1", {"until": "2030-01-01"}, "a law suit")
        writers[0].write(Batch(rows=[some_row(chance) for _ in range(5)]))
        seal()
    return Sealed(url, key, checkpoints, dropped)


def _change(governor: Connection, lane: int, chance: random.Random) -> None:
    rows = [
        RowKey(*row)
        for row in governor.execute(
            'SELECT lane, lane_seq, event_id, "timestamp" FROM user_activity_logs ORDER BY lane, lane_seq'
        )
    ]
    with governor.transaction():
        act = record_act(governor, lane, "erase", "token-1", {"person": "ab"}, "asked for")
    log = "user_activity_logs WHERE event_id = ANY (%s)"
    erased, renamed, redacted, removed = (chance.sample(rows, 6) for _ in range(4))
    with governor.transaction(), changing(governor, lane, act, "erased", "person", erased):
        _set(governor, "user_email = NULL, session_id = NULL", erased)
    with governor.transaction(), changing(governor, lane, act, "renamed", "person", renamed):
        _set(governor, "user_email = 'new@company.com'", renamed)
    with governor.transaction(), changing(governor, lane, act, "redacted", "content", redacted):
        _set(governor, "action_data = '{\"redacted\": true}'", redacted)
    with governor.transaction(), changing(governor, lane, act, "erased", "device", renamed):
        _set(governor, "user_agent = NULL, ip_address = NULL", renamed)
    gone = [row for row in removed if row not in (*erased, *renamed, *redacted)]
    with governor.transaction(), changing(governor, lane, act, "removed", None, gone):
        governor.execute(f"DELETE FROM {log}".encode(), [[row.event_id for row in gone]])


def _set(governor: Connection, what: str, rows: list[RowKey]) -> None:
    governor.execute(
        f"UPDATE user_activity_logs SET {what}, content_hash = '' WHERE event_id = ANY (%s)".encode(),
        [[row.event_id for row in rows]],
    )


def drop_week(url: str, governor: Connection, lane: int, seal: Any = None) -> tuple[datetime, datetime]:
    """Drop the oldest week as retention does: an act, the drop, and once more the act."""
    with psycopg.connect(url, autocommit=True) as superuser:
        row = superuser.execute("SELECT min(inhrelid::regclass::text) FROM pg_inherits").fetchone()
        assert row is not None
        starts = datetime.strptime(row[0][-8:], "%Y%m%d").replace(tzinfo=UTC)
        ends = starts + timedelta(days=7)
        for step in range(2):
            with governor.transaction():
                record_drop(governor, lane, "retention", starts, ends, partition=row[0])
            if step == 0:
                if seal is not None:
                    seal()
                superuser.execute(f"ALTER TABLE user_activity_logs DETACH PARTITION {row[0]} CONCURRENTLY".encode())
                superuser.execute(f"DROP TABLE {row[0]}".encode())
    return starts, ends


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """What is done inside is seen inside alone."""
    with connection.transaction(force_rollback=True):
        yield
