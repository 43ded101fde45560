"""What is remembered of the rollups is what the asker's own snapshot has, whatever others have read before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from prelude_analytics.figures.frames import Dictionaries, Frame, frame_of
from prelude_analytics.figures.memory import Memory
from prelude_analytics.figures.tables import DEAL_VALUES, EMAILS, USERS, Table

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
USER = {"first_at": None, "last_at": 1.5, "error": 0, "pending": 0, "timeout": 0}


class Snapshot:
    """A database as one transaction sees it: on each day one row, whose count is the day's version."""

    def __init__(self, versions: Mapping[int, int]) -> None:
        self.versions = {(FIRST + number * DAY).date(): version for number, version in versions.items()}
        self.read: list[date] = []

    async def load(
        self, table: Table, grain: int, days: Sequence[date], dictionaries: Dictionaries
    ) -> dict[date, Frame]:
        self.read += days
        found = {}
        for day in days:
            bucket = datetime.combine(day, datetime.min.time(), UTC).timestamp()
            row = USER | {"bucket": bucket, "action_type": "crm", "user_email": "ada", "success": self.versions[day]}
            row |= {"action_name": "send", "method": "", "result_status": "success", "count": self.versions[day]}
            row |= {"value_count": 1, "value_usd": self.versions[day]}
            found[day] = frame_of(table, dictionaries, {name: [row[name]] for name in ("bucket", *table.columns)})
        await asyncio.sleep(0)
        return found

    async def ask(self, memory: Memory, days: tuple[float, float] = (0, 9), table: Table = USERS) -> list[int]:
        since, until = (FIRST + number * DAY for number in days)
        frames, _ = await memory.frames(table, 1440, since, until, self.versions, self.load)
        return [count for frame in frames for count in frame[table.numbers[0][0]].tolist()]


def test_a_day_is_read_once_while_its_version_stays() -> None:
    memory, before = Memory(), Snapshot({0: 1, 1: 2, 2: 3})
    assert asyncio.run(before.ask(memory)) == [1, 2, 3]
    assert asyncio.run(before.ask(memory)) == [1, 2, 3]
    after = Snapshot({0: 1, 1: 7, 2: 3, 4: 8})
    assert asyncio.run(after.ask(memory)) == [1, 7, 3, 8]
    assert len(before.read) == 3
    assert sorted(day.day for day in after.read) == [2, 5]


def test_an_older_snapshot_sees_its_own_days_and_takes_nothing_from_newer_ones() -> None:
    memory, old, new = Memory(), Snapshot({0: 1, 1: 2}), Snapshot({0: 1, 1: 5, 2: 6})
    assert asyncio.run(new.ask(memory)) == [1, 5, 6]
    assert asyncio.run(old.ask(memory)) == [1, 2]
    again = Snapshot({0: 1, 1: 5, 2: 6})
    assert asyncio.run(again.ask(memory)) == [1, 5, 6]
    assert again.read == []


def test_a_part_of_what_is_remembered_is_a_part_of_the_answer() -> None:
    memory, snapshot = Memory(), Snapshot({number: number + 1 for number in range(9)})
    assert asyncio.run(snapshot.ask(memory)) == list(range(1, 10))
    assert asyncio.run(snapshot.ask(memory, (3, 5))) == [4, 5]
    assert asyncio.run(snapshot.ask(memory, (7.5, 20))) == [9]
    assert len(snapshot.read) == 9


def test_those_who_ask_at_once_read_once() -> None:
    async def both() -> list[list[int]]:
        return await asyncio.gather(*(snapshot.ask(memory) for _ in range(5)))

    memory, snapshot = Memory(), Snapshot({0: 1, 1: 2})
    assert asyncio.run(both()) == [[1, 2]] * 5
    assert len(snapshot.read) == 2


def test_an_emptied_database_leaves_nothing_in_memory_to_be_counted() -> None:
    memory = Memory()
    assert asyncio.run(Snapshot({0: 1, 1: 2}).ask(memory)) == [1, 2]
    assert asyncio.run(Snapshot({}).ask(memory)) == []
    assert asyncio.run(Snapshot({1: 9}).ask(memory)) == [9]


def test_what_was_not_asked_for_longest_goes_first() -> None:
    snapshot = Snapshot(dict.fromkeys(range(9), 1))
    memory = Memory(2_000)
    for table, reads in ((USERS, 9), (EMAILS, 9), (DEAL_VALUES, 9), (DEAL_VALUES, 0), (EMAILS, 0), (USERS, 9)):
        before = len(snapshot.read)
        assert asyncio.run(snapshot.ask(memory, table=table)) == [1] * 9
        assert len(snapshot.read) - before == reads, table.name
        assert memory.size <= 2_000


def test_one_question_may_need_more_than_the_limit() -> None:
    memory, snapshot = Memory(0), Snapshot(dict.fromkeys(range(9), 1))
    assert asyncio.run(snapshot.ask(memory)) == [1] * 9
    assert asyncio.run(snapshot.ask(memory, table=EMAILS)) == [1] * 9
    assert asyncio.run(snapshot.ask(memory)) == [1] * 9
    assert len(snapshot.read) == 27
