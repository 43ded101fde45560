"""What an answer needs to know of its snapshot travels with the transaction's beginning; it is what asking by itself would say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import psycopg
import pytest

from prelude_analytics.database import Database
from prelude_analytics.figures.memory import Memory
from prelude_analytics.figures.reading import Reading, Remembered
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.settings import Settings
from prelude_store.rollups import passes
from prelude_store.writer import Batch
from tests.support.analytics import running_analytics
from tests.support.dashboard import signed_in
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prelude_store.connection import Connection
    from prelude_store.writer import Writer

DAY_US: Final = 86_400_000_000
NOW: Final = datetime.now(UTC)


def among(days: int, until: datetime = NOW, *, open_: bool = True) -> Range:
    return Range(until - timedelta(days=days), until, ZoneInfo("UTC"), open=open_)


def within(database: str, about: Range, ask: Callable[[Reading], Awaitable[Any]]) -> Any:
    """What `ask` gives within a snapshot for an answer about a range."""

    async def asking() -> Any:
        opened = await Database.open(Settings(database_url=as_role(database, "reader")))
        try:
            async with Remembered(opened, Memory()).read(about) as reading:
                return await ask(reading)
        finally:
            await opened.close()

    return asyncio.run(asking())


async def everything(reading: Reading, about: Range) -> list[Any]:
    cut, versions = NOW - timedelta(days=1), await reading.learn(about.from_, about.to)
    return [
        await reading.counted(cut),
        await reading.committed(cut),
        await reading.newest_ahead(about.to),
        {day: version for day, version in versions.items() if about.from_.date() <= day <= about.to.date()},
        await reading.rows_kept_from(Filters(), about.from_, about.to),
        await reading.rows_kept_from(Filters(), about.from_ - timedelta(days=30), about.to),
        await reading.rows_kept_from(Filters(action_name="send_email"), about.from_, about.to, people=True),
        await reading.rebuilding(),
    ]


@pytest.mark.parametrize("ahead", [-3600, 7200])
@pytest.mark.parametrize("about", [among(7), among(40), among(7, NOW - timedelta(days=10), open_=False)])
def test_what_is_known_from_the_beginning_is_what_asking_says(
    database: str, writer: Writer, keeping: Connection, superuser: psycopg.Connection[Any], about: Range, ahead: int
) -> None:
    moments = [now_us() + ahead * 1_000_000, *(now_us() - day * DAY_US for day in (1, 2, 12, 20, 39))]
    writer.write(Batch(rows=[make_row(timestamp_us=moment) for moment in moments]))
    while passes.carry_out(keeping).places:
        pass
    superuser.execute(
        "INSERT INTO retention_days VALUES (%s, 'crm', 'create_deal', 2)", [NOW.date() - timedelta(days=20)]
    )
    superuser.execute("INSERT INTO rollup_rebuild VALUES ('rollups', %s)", [NOW.date() - timedelta(days=1)])
    writer.write(Batch(rows=[make_row()]))  # the rollups lag

    async def both(reading: Reading) -> tuple[list[Any], list[Any]]:
        assert reading.known is not None
        return await everything(reading, about), await everything(Reading(reading.connection), about)

    known, asked = within(database, about, both)
    assert known == asked
    assert known[2] is not None or ahead < 0
    assert known[0][0].lanes != known[1][0].lanes
    assert known[-1] is True


def test_there_is_nothing_to_know_of_an_empty_log(database: str) -> None:
    async def both(reading: Reading) -> tuple[list[Any], list[Any]]:
        return await everything(reading, among(7)), await everything(Reading(reading.connection), among(7))

    known, asked = within(database, among(7), both)
    assert known == asked


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that are sent from now on."""
    asked: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def note(self: Any, query: Any, *given: Any, **more: Any) -> Any:
        asked.append(query.decode() if isinstance(query, bytes) else str(query))
        return await execute(self, query, *given, **more)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", note)
    return asked


@pytest.mark.parametrize(
    ("route", "trips"),
    [
        ("/heatmap", 2),
        ("/trends", 2),
        ("/deals", 2),
        ("/activities", 2),
        ("/pages", 2),
        ("/paths", 4),  # the four questions of its frame go together, before rows that the timeline has not
        ("/recent-activities", 4),  # the newest days by themselves, and then all
        ("/sessions", 3),
    ],
)
def test_a_remembered_answer_asks_for_the_token_and_for_news_alone(
    database: str, writer: Writer, keeping: Connection, monkeypatch: pytest.MonkeyPatch, route: str, trips: int
) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - day * DAY_US) for day in range(1, 5)]))
    while passes.carry_out(keeping).places:
        pass
    with running_analytics(database, requests_per_second=0) as service, service.signed() as client:
        client.get(route, params={"days": 30}).raise_for_status()
        asked = noted(monkeypatch)
        client.get(route, params={"days": 30}).raise_for_status()
    # Once a second the service looks whether the database is there, how fresh figures are, and whether tokens are valid still.
    watched = ("max(version)", "AS unseen", "WHERE id = ANY")
    own = [statement for statement in asked if not any(part in statement for part in watched)]
    own = [statement for statement in own if "BEGIN" not in statement or "counted_as_of" in statement]
    assert len(own) - 3 * (route == "/paths") <= trips, own


def test_a_page_about_a_person_reads_the_rows_of_its_range_once(
    database: str, writer: Writer, keeping: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(Batch(rows=[make_row(user_email="ada@company.com") for _ in range(3)]))
    while passes.carry_out(keeping).places:
        pass
    with running_analytics(database, requests_per_second=0) as service, signed_in(service) as client:
        asked = noted(monkeypatch)
        client.get("/analytics/person?user_email=ada@company.com&days=30").raise_for_status()
    counted = [statement for statement in asked if "15 minutes" in statement]
    assert len(counted) == 3  # what was done, in the range and before it, and how long it took
    assert sum("up to one more than the bound" in statement for statement in asked) == 2
