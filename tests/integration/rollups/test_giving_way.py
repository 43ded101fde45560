"""Keepers leave the machine to who writes, while much is written, and lose no time otherwise."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from prelude_store.giving_way import GivingWay, share_at
from prelude_store.rollups.keeper import Keeper
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

FOREVER = 1e6


@pytest.mark.parametrize(("behind", "share"), [(0, 0.1), (30, 0.1), (45, 0.55), (60, 1), (3600, 1)])
def test_the_further_behind_the_more_it_takes(behind: float, share: float) -> None:
    assert share_at(behind) == pytest.approx(share)


def test_it_does_not_rest_where_nothing_is_written(database: str) -> None:
    with psycopg.connect(as_role(database, "keeper"), autocommit=True) as connection:
        GivingWay(connection).rest(Event(), FOREVER, left=True)


def test_it_rests_while_much_is_written_and_no_longer(
    database: str, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    superuser.execute("INSERT INTO ingest_lanes (lane, last_seq) VALUES (1, 0)")
    told = Event()

    def write() -> None:
        while not told.wait(0.02):
            superuser.execute("UPDATE ingest_lanes SET last_seq = last_seq + 100000")

    writing = Thread(target=write)
    with psycopg.connect(as_role(database, "keeper"), autocommit=True) as connection:
        way = GivingWay(connection)
        superuser.execute("UPDATE ingest_lanes SET last_seq = 10000000")
        writing.start()
        resting = Thread(target=lambda: way.rest(Event(), FOREVER, left=True))
        resting.start()
        resting.join(1)
        assert resting.is_alive(), "much is written"
        told.set()
        writing.join()
        resting.join()


def test_a_keeper_that_rests_ends_when_it_is_told_to(
    database: str, writer: Writer, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    writer.write(Batch(rows=[make_row()]))
    stop = Event()
    keeping = Thread(target=Keeper(as_role(database, "keeper"), interval=FOREVER).run, args=[stop])
    keeping.start()
    while not superuser.execute("SELECT 1 FROM rollup_cursors WHERE seq > 0").fetchone():
        pass
    stop.set()
    keeping.join()
    assert superuser.execute("SELECT sum(count) FROM activity_rollups WHERE grain = 15").fetchone() == (1,)
