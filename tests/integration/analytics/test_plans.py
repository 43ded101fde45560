"""No question reads a partition of the log from end to end, and none sorts rows without bound: asked of the planner, on many rows."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from prelude_analytics import queries
from prelude_analytics.answers import deals, errors, latency, rankings, sessions, summary, system, trends
from prelude_analytics.answers.exporter import Probe
from prelude_analytics.answers.origins import origins
from prelude_analytics.answers.page import activities
from prelude_analytics.answers.page_latency import page_latencies
from prelude_analytics.answers.rows import Wanted, first_place, portion
from prelude_analytics.cursors import Place, SessionPlace, Watermark
from prelude_analytics.figures.known import question
from prelude_analytics.figures.reading import Reading
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.sources import Counting, fetch, newest, newest_ahead, watermark_of_rows
from prelude_store.rollups import passes
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from prelude_store.connection import Connection as Keeping

ROWS, DAYS = 20_000, 40
END = datetime(2026, 6, 1, tzinfo=UTC)
BEGIN = END - timedelta(days=DAYS)
BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
FILL = f"""
INSERT INTO user_activity_logs (event_id, "timestamp", user_email, session_id, action_type, action_name, entity_type, entity_id,
    page_route, service_name, action_data, result_status, duration_ms, tags, completes_event_id, content_hash, lane, lane_seq)
SELECT gen_random_uuid(), %(begin)s::timestamptz + (n - 1) * interval '1 second' * {DAYS * 86_400 / ROWS},
    'user' || n * 7 %% 200 || '@x.com', 's' || n / 50, 'crm',
    (ARRAY['create_deal', 'view_customer', 'view_deal', 'send_email', 'generate_email', 'update_deal'])[1 + n %% 6],
    (ARRAY['deal', 'customer'])[1 + n %% 2], (n * 13 %% 900)::text, '/page/' || n %% 20, 'service-' || n %% 2,
    jsonb_build_object('customer_id', n * 13 %% 300, 'value_usd', n, 'deal_name', 'Deal ' || n),
    (ARRAY['success', 'success', 'success', 'error', 'pending'])[1 + n %% 5], n %% 3000, ARRAY['t' || n %% 50],
    CASE WHEN n %% 100 = 0 THEN gen_random_uuid() END, '\\x00', 1, n
FROM generate_series(1, {ROWS}) AS n
"""


class Recording:
    """A connection that keeps what it is asked."""

    def __init__(self, connection: Any, asked: list[tuple[Any, Any]] | None = None) -> None:
        self.connection = connection
        self.asked: list[tuple[Any, Any]] = [] if asked is None else asked

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        self.asked.append((statement, parameters))
        return await self.connection.execute(statement, parameters)

    @asynccontextmanager
    async def cursor(self, **given: Any) -> AsyncIterator[Any]:
        async with self.connection.cursor(**given) as cursor:
            yield Recording(cursor, self.asked)

    async def fetchall(self) -> Any:
        return await self.connection.fetchall()


@pytest.fixture
def filled(database: str, superuser: psycopg.Connection[tuple[Any, ...]], keeping: Keeping) -> str:
    """A log of rows spread evenly, with its rollups."""
    for day in range(DAYS):
        superuser.execute("SELECT prelude_ensure_partition(%s)", [BEGIN + timedelta(days=day)])
    superuser.execute("INSERT INTO ingest_lanes (lane, last_seq) VALUES (1, %s)", [ROWS])
    superuser.execute(FILL.encode(), {"begin": BEGIN})
    while passes.carry_out(keeping).places:
        pass
    superuser.execute("ANALYZE")
    return database


def among(days: float, tz: ZoneInfo = UTC_ZONE) -> Range:
    return Range(END - timedelta(days=days), END, tz)


async def ask_everything(connection: Any) -> None:
    """Every answer from rollups over all, and from rows over what a bound lets through."""
    whole, cut = among(DAYS), END - timedelta(days=1)
    everything = rankings.Asked(100, "", None)
    for about in (
        Counting(Filters(), whole, cut),
        Counting(Filters(), among(DAYS, KOLKATA), cut),
        Counting(Filters(action_type="crm", action_name="send_email"), among(7, BERLIN), cut),
        Counting(Filters(user_email="user7@x.com"), whole, cut),
        Counting(Filters(entity_type="deal", entity_id="13"), whole, cut),
        Counting(Filters(q="deal 39"), among(0.25), cut),
        Counting(Filters(tag="t7"), among(0.25), cut),
    ):
        await summary.summary(Reading(connection), about)
        await trends.trends(Reading(connection), about, "day", "name", 20)
        await trends.heatmap(Reading(connection), about)
        await latency.latency(Reading(connection), about, "day")
        await page_latencies(Reading(connection), about)
        await origins(Reading(connection), await newest(connection, about))
        await errors.errors(Reading(connection), about, "day")
        await deals.deals(Reading(connection), about, "day")
        await rankings.pages(Reading(connection), about, everything)
        await rankings.users(Reading(connection), about, everything)
        await rankings.customers(Reading(connection), about, everything, named=True)
        await rankings.emails(Reading(connection), about, everything)
    for name in ("ever_counted", "ever_committed"):  # the second is asked where the first finds nothing
        await fetch(connection, queries.load(name), {})
    await fetch(connection, *question(whole))
    await newest_ahead(connection, END - timedelta(minutes=15))
    watermark, as_of = await watermark_of_rows(connection, cut)
    for filters in (
        Filters(),
        Filters(user_email="user7@x.com"),
        Filters(user_email="user7@x.com", q="deal"),
        Filters(entity_type="deal", entity_id="13"),
        Filters(action_type="crm", action_name="send_email"),
        Filters(result_status="timeout"),
        Filters(result_status="error", action_name="send_email"),
        Filters(q="nothing has this"),
        Filters(tag="t7"),
        Filters(action_name="send_email"),
        Filters(action_name="no such"),
        Filters(action_group="emails", service_name="service-1", page_route="/page/3"),
        Filters(session_id="s70"),
        Filters(entity_id="13"),
    ):
        place = first_place(watermark, whole.from_, END, "")
        await activities(Reading(connection), Wanted(filters, END, place), 100, as_of)
    # Of the rows that the list has the rollups have counted more, not all, and far from all.
    for beyond in (-1_000, 100, 10_000):
        place = first_place(Watermark({1: ROWS + beyond}, cut), whole.from_, END, "")
        for filters in (Filters(entity_id="13"), Filters(action_group="emails"), Filters(result_status="timeout")):
            await activities(Reading(connection), Wanted(filters, END, place), 100, as_of)
    begun = SessionPlace(END, "", "", derived=False, since=whole.from_, asked="", watermark=watermark)
    for filters in (Filters(), Filters(user_email="user7@x.com")):
        await sessions.sessions(connection, sessions.SessionList(filters, END, begun), 100, watermark)
        later = replace(begun, started_at=END - timedelta(days=20), watermark=Watermark({1: ROWS - 1000}, cut))
        await sessions.sessions(connection, sessions.SessionList(filters, END, later), 100, watermark)
    await connection.execute(queries.load("freshness"))
    await system.system(connection, None, await Probe("").look())
    # Now is behind all of these rows: the same of a time in which there are some.
    await system._lag(connection, END, timedelta(days=1), 24, END - timedelta(days=9))
    await system._rate(connection, END)
    for found in await sessions.find(connection, "s70", Filters()):
        await sessions.timeline(
            connection, found, Place(watermark, found["started_at"], found["started_at"], UUID(int=0), ""), 100
        )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def faults(plan: dict[str, Any]) -> Iterator[str]:
    for node in nodes(plan):
        relation = node.get("Relation Name", "")
        if node["Node Type"] == "Seq Scan" and relation.startswith("user_activity_logs"):
            yield f"reads {relation} from end to end"
        of_rows = any(str(inner.get("Relation Name", "")).startswith("user_activity_logs") for inner in nodes(node))
        if node["Node Type"] == "Sort" and of_rows and node["Plan Rows"] > ROWS / 4:
            yield f"sorts {node['Plan Rows']} rows"


def test_every_question_reads_by_index(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    read = queries.text

    def reading(name: str) -> str:
        used.add(name)
        return read(name)

    monkeypatch.setattr(queries, "text", reading)
    # In proportion to the rows that there are.
    monkeypatch.setattr("prelude_analytics.sources.MOST_ROWS", 1000)
    monkeypatch.setattr("prelude_analytics.answers.hours._LONGEST", 250)
    monkeypatch.setattr("prelude_analytics.answers.system._MOST_OF_STEP", 50)

    async def asking() -> list[str]:
        connection: Any = await psycopg.AsyncConnection.connect(
            as_role(filled, "reader"), autocommit=True, row_factory=dict_row, prepare_threshold=None
        )
        async with connection:
            await connection.execute("SET jit = off; SET plan_cache_mode = force_custom_plan; SET timezone = 'UTC'")
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            recording = Recording(connection)
            await ask_everything(recording)
            found = []
            for statement, parameters in recording.asked:
                text = statement.as_string(connection)
                cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), parameters)
                explained = (await cursor.fetchone())["QUERY PLAN"]
                plan = json.loads(explained) if isinstance(explained, str) else explained
                found += [f"{fault}: {text[:90]} {parameters}" for fault in faults(plan[0]["Plan"])]
            return found

    assert asyncio.run(asking()) == []
    # Those over the blocks of the timeline read no rows, and have tests of their own.
    assert {name for name in queries.names() if not name.startswith("timeline_")} <= used


MANY: Final = """
INSERT INTO user_activity_logs (event_id, "timestamp", action_type, action_name, result_status, tags, content_hash, lane, lane_seq)
SELECT gen_random_uuid(), %s + n * interval '15 seconds', 'crm', 'create_deal', 'success', ARRAY['vip'], '\\x00', 1, n FROM generate_series(1, 30000) AS n
"""


@pytest.mark.parametrize(
    "filters", [Filters(), Filters(tag="vip"), Filters(action_type="crm", action_name="create_deal")]
)
def test_a_page_deep_in_a_week_reads_as_few_blocks_as_the_first(
    database: str, superuser: psycopg.Connection[tuple[Any, ...]], filters: Filters
) -> None:
    monday = datetime(2026, 5, 4, tzinfo=UTC)
    superuser.execute("SELECT prelude_ensure_partition(%s)", [monday])
    superuser.execute(MANY.encode(), [monday])
    superuser.execute("VACUUM ANALYZE user_activity_logs")
    since, until = monday - timedelta(days=1), monday + timedelta(days=7)

    async def blocks(after: timedelta) -> int:
        connection: Any = await psycopg.AsyncConnection.connect(as_role(database, "reader"), row_factory=dict_row)
        async with connection:
            recording: Any = Recording(connection)
            place = replace(first_place(Watermark({1: 30_000}, since), since, until, ""), timestamp=monday + after)
            found = await portion(recording, Wanted(filters, until, place), 50)
            assert len(found.rows) == 50
            ((statement, parameters),) = recording.asked
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.as_string(connection)}"
            explained = (await (await connection.execute(explain.encode(), parameters)).fetchone())["QUERY PLAN"]
            plan = explained[0]["Plan"]
            return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    first, deep = asyncio.run(blocks(timedelta(days=6))), asyncio.run(blocks(timedelta(hours=1)))
    assert deep <= first + 10
