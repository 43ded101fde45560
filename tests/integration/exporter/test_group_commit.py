"""Requests share a commit, never each other's faults: the threads that commit, with real writers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import pytest

from prelude_exporter.commits.group_commit import GroupCommit
from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_otel.errors import StoreUnavailableError
from prelude_store.batch import Batch, WriteResult
from prelude_store.row import Probe
from prelude_store.writer import Writer
from tests.integration.exporter.conftest import activity, logs
from tests.support.postgres import as_role

WITHIN = 20.0
UNFORESEEN = TypeError
STONE = "stone"


class Seen:
    """What the threads said of their commits."""

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.failures: list[Exception] = []

    def committed(self, result: WriteResult, rows: int, seconds: float) -> None:
        self.commits.append(rows)

    def failed(self, error: Exception) -> None:
        self.failures.append(error)


def good(number: int, rows: int = 1) -> Decoded:
    """A request of `rows` activities that nothing is wrong with."""
    return Decoder().logs(logs(*(activity(number * 100 + row) for row in range(rows))))


def unforeseen(number: int, rows: int = 1) -> Decoded:
    """A request for which `Stumbling` raises what no writer should."""
    return Decoder().logs(logs(*(activity(number * 100 + row, session__id=STONE) for row in range(rows))))


class Stumbling(Writer):
    """A writer with a fault that nobody foresaw: those of rows it puts into the quarantine."""

    def write(self, batch: Batch) -> WriteResult:
        if any(row.session_id == STONE for row in batch.rows):
            raise UNFORESEEN
        return super().write(batch)


@asynccontextmanager
async def committing(url: str, threads: int = 1, **options: Any) -> AsyncIterator[tuple[GroupCommit, Seen]]:
    seen = Seen()
    commits = GroupCommit(lambda: Stumbling(as_role(url, "writer"), **options), seen, threads=threads)
    try:
        yield commits, seen
    finally:
        assert await asyncio.to_thread(commits.close, WITHIN)


@contextmanager
def no_commit(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Within it, writers wait in the middle of their transaction."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE ingest_lanes IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def begin(commits: GroupCommit, requests: Iterable[Decoded], within: float = WITHIN) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(commits.commit(request, within)) for request in requests]


async def outcomes(tasks: Iterable[asyncio.Task[None]]) -> list[type[BaseException] | None]:
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    return [None if answer is None else type(answer) for answer in answers]


async def until_a_writer_waits(connection: psycopg.Connection[Any]) -> None:
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'prelude-exporter' AND wait_event_type = 'Lock'
    """
    ends = time.monotonic() + WITHIN
    while not connection.execute(waiting).fetchall():
        assert time.monotonic() < ends, "no writer waits"
        await asyncio.sleep(0.01)


def ids(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [int(number) for (number,) in connection.execute("SELECT entity_id FROM user_activity_logs ORDER BY id")]


async def queue_behind_one(
    url: str, commits: GroupCommit, requests: Iterable[Decoded]
) -> tuple[asyncio.Task[None], list[asyncio.Task[None]]]:
    """Let the one thread begin with request 1, and `requests` wait together behind it."""
    await commits.commit(good(99), WITHIN)  # connected: nothing but the lock is in the way now
    with no_commit(url) as connection:
        (first,) = begin(commits, [good(1)])
        await until_a_writer_waits(connection)
        behind = begin(commits, requests)
        await asyncio.sleep(0)  # each task runs as far as its wait
    return first, behind


def test_requests_that_wait_together_are_committed_together(database: str) -> None:
    async def test() -> None:
        async with committing(database) as (commits, seen):
            first, behind = await queue_behind_one(database, commits, [good(2), good(3, rows=5), good(4)])
            assert await outcomes([first, *behind]) == [None] * 4
        assert seen.commits == [1, 1, 7]

    asyncio.run(test())


def test_what_fails_in_an_unforeseen_way_is_tried_again_request_by_request(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with committing(database) as (commits, seen):
            first, behind = await queue_behind_one(
                database, commits, [good(2), unforeseen(3, rows=2), good(4), unforeseen(5), good(6)]
            )
            assert await outcomes([first, *behind]) == [None, None, UNFORESEEN, None, UNFORESEEN, None]
            assert seen.commits == [1, 1, 1, 1, 1]
            assert [type(error) for error in seen.failures] == [UNFORESEEN] * 2
        # Of a request that was not committed nothing is there: its sender keeps all of it.
        assert ids(database) == [9900, 100, 200, 400, 600]

    asyncio.run(test())
    assert [record.message for record in caplog.records] == ["a request could not be written"] * 2


def test_after_a_failure_commits_hold_one_request_each_until_one_succeeds(database: str) -> None:
    async def test() -> None:
        async with committing(database) as (commits, seen):
            await commits.commit(good(99), WITHIN)
            with no_commit(database) as connection:
                tasks = begin(commits, [good(1)])
                await until_a_writer_waits(connection)
                tasks += begin(commits, [unforeseen(2), good(3), good(4), good(5)])
                await asyncio.sleep(0)
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prelude-exporter'"
                    " AND datname = current_database()"
                )
            assert await outcomes(tasks) == [StoreUnavailableError, UNFORESEEN, None, None, None]
        # 1 lost its connection, 2 was alone and failed, 3 was alone and went; 4 and 5 shared a commit again.
        assert seen.commits == [1, 1, 2]
        assert ids(database) == [9900, 300, 400, 500]

    asyncio.run(test())


def test_a_request_that_the_database_refuses_without_a_reason_fails_alone_when_it_comes_again(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON user_activity_logs FOR EACH ROW WHEN (NEW.entity_id = '300') EXECUTE FUNCTION refuse()"
        )

    async def test() -> None:
        async with committing(database) as (commits, seen):
            requests = [good(2), good(3), good(4)]
            _, behind = await queue_behind_one(database, commits, requests)
            # For all the thread knows the database is away: each sender keeps its request, and comes again.
            assert await outcomes(behind) == [StoreUnavailableError] * 3
            again = [await outcomes(begin(commits, [request])) for request in (requests[1], requests[0], requests[2])]
            assert again == [[StoreUnavailableError], [None], [None]]
            assert len(seen.failures) == 2
        assert ids(database) == [9900, 100, 200, 400]

    asyncio.run(test())


def test_what_is_tried_again_one_by_one_waits_for_nobody_who_has_given_up(database: str) -> None:
    fails_at_once = unforeseen(2)
    probe = Decoded(probes=[Probe("0192f0c1-2345-7abc-8def-000000000001", None, 1)])

    async def test() -> None:
        async with committing(database, statement_timeout=0.6) as (commits, seen):
            await commits.commit(good(99), WITHIN)
            with no_commit(database), psycopg.connect(database) as probes:
                probes.execute("LOCK TABLE activity_probes IN ACCESS EXCLUSIVE MODE")
                tasks = begin(commits, [probe])
                await until_a_writer_waits(probes)
                tasks += begin(commits, [fails_at_once, *(good(number) for number in range(3, 40))], within=1)
                await asyncio.sleep(0)
                probes.rollback()
                # All of them fail together, then each waits in vain for the lock, until nobody wants the answer any more.
                await outcomes(tasks)
            assert await outcomes(begin(commits, [good(50)])) == [None]
        assert len(seen.failures) < 12
        # Of those that gave up, the one that was being written then may land when the lock is gone.
        assert {9900, 5000} <= set(ids(database))
        assert len(ids(database)) <= 3

    asyncio.run(test())


def test_many_requests_at_once_get_each_the_answer_of_its_own(database: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with committing(database, threads=2) as (commits, seen):
            requests = [(unforeseen if number % 7 == 3 else good)(number, rows=3) for number in range(70)]
            expected = [UNFORESEEN if number % 7 == 3 else None for number in range(70)]
            assert await outcomes(begin(commits, requests)) == expected
            assert len(seen.commits) < 70, "none shared a commit"
            # The same again, as senders do that never heard the answer: no row comes twice.
            assert await outcomes(begin(commits, requests)) == expected
        landed = ids(database)
        assert sorted(landed) == [number * 100 + row for number in range(70) if number % 7 != 3 for row in range(3)]

    asyncio.run(test())
    assert len(caplog.records) == 20
