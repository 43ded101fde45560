"""Whatever comes in whatever order: every answer is what plain Python finds by looking at every row at the watermark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelude_analytics.answers.deals import deals
from prelude_analytics.answers.errors import errors
from prelude_analytics.answers.latency import latency
from prelude_analytics.answers.page import activities
from prelude_analytics.answers.rankings import Asked, customers, emails, pages, users
from prelude_analytics.answers.rows import Wanted, first_place
from prelude_analytics.answers.summary import summary
from prelude_analytics.answers.trends import STACKS, heatmap, trends
from prelude_analytics.cursors import Place, Rank, Watermark
from prelude_analytics.database import Connection
from prelude_analytics.figures.memory import Memory
from prelude_analytics.figures.reading import Reading
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.sources import Counting
from prelude_analytics.statuses import quarter_floor
from prelude_analytics.zones import STEPS, midnight
from prelude_store.connection import Connection as Keeping
from prelude_store.rollups import passes
from prelude_store.writer import Batch, Writer
from tests.oracle import questions as oracle
from tests.oracle.kept import rows_at
from tests.support.answered import answered
from tests.support.histories import START_US, history
from tests.support.oracle_cases import how_many

CASES = how_many(5)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York")
TABLES = (
    "user_activity_logs, ingest_lanes, activity_amendments, span_joins, activity_rollups, latency_rollups, latency_totals,"
    " user_rollups, customer_rollups, email_rollups, deal_value_rollups, rollup_days, rollup_cursors, rollup_rebuild, superseded_rows,"
    " pending_rows, user_session_summaries, activity_quarantine"
)
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"action_type": "crm"},
    {"action_name": "send_email"},
    {"result_status": "timeout"},
    {"result_status": "pending"},
    {"result_status": "success", "service_name": "crm"},
    {"entity_type": "deal"},
    {"user_email": "a@x.com"},
    {"user_email": "b@x.com", "session_id": "one"},
    {"entity_type": "deal", "entity_id": "9", "result_status": "error"},
    {"q": "MUCH"},
    {"q": "eal"},
    {"tag": "vip"},
    {"entity_id": "9"},
    {"page_route": "/b"},
)
MEMORY = Memory()
"""One for all histories: what it remembers must never show."""
FIRST = datetime.fromtimestamp(START_US / 1_000_000, UTC)

Superuser = psycopg.Connection[tuple[Any, ...]]
Dumped = dict[str, Any]


class Asking:
    """One choice of filters, range and cut, with the rows among which the oracle looks."""

    def __init__(self, pick: Random, rows: list[oracle.Row], given: dict[str, str] | None = None) -> None:
        self.pick, self.rows = pick, rows
        self.given = pick.choice(FILTERS) if given is None else given
        tz = ZoneInfo(pick.choice(ZONES))
        first = quarter_floor(FIRST + timedelta(minutes=pick.choice([-1500, -60, 0, 45, 60])))
        length = pick.choice(
            [timedelta(minutes=15), timedelta(hours=3), timedelta(days=1), timedelta(days=3), timedelta(days=15)]
        )
        if pick.random() < 0.3:
            first = quarter_floor(midnight(first.astimezone(tz).date(), tz))
        self.range = Range(first, first + length, tz, pick.choice([None, None, 1, 2]))
        self.cut = quarter_floor(FIRST + timedelta(minutes=pick.choice([-9999, 30, 90, 1440, 99_999])))
        self.counting = Counting(Filters.read(self.given), self.range, self.cut)
        self.step: Any = pick.choice([step for step in STEPS if step != "15min" or length < timedelta(days=3)])

    def found(self, among: Range | None = None) -> list[oracle.Row]:
        among = among or self.range
        return oracle.counting_rows(self.rows, self.given, among.from_, among.to, self.cut)


def arrive(pick: Random, keeping: Keeping, writers: tuple[Writer, Writer], size: int) -> None:
    rows, spans = history(pick, size)
    rows = [row._replace(tags=pick.choice([None, ("vip",), ("vip", "new")])) for row in rows]
    arriving = [*rows, *spans]
    pick.shuffle(arriving)
    while arriving:
        now = [arriving.pop() for _ in range(min(len(arriving), pick.choice([2, 5, 40])))]
        batch = Batch(rows=[one for one in now if one in rows], spans=[one for one in now if one in spans])
        pick.choice(writers).write(batch)
        if pick.random() < 0.4:
            passes.carry_out(keeping, portion=pick.choice([1, 3, 10, 100]))


def near(found: float | None, exact: int | None) -> bool:
    return found is exact is None or (
        found is not None and exact is not None and abs(found - exact) <= 0.01 * exact + 0.001
    )


def check_percentiles(found: Dumped, rows: list[oracle.Row]) -> None:
    assert found["measured"] == oracle.measured(rows)
    for name in ("p50", "p95", "p99"):
        assert near(found[name], oracle.percentile(rows, int(name[1:]))), name


def same_counts(found: Dumped, rows: list[oracle.Row]) -> None:
    expected = oracle.counts(rows)
    assert {name: found[name] for name in expected} == expected


def check_summary(asking: Asking, found: Dumped) -> None:
    rows = asking.found()
    same_counts(found["totals"], rows)
    assert found["totals"]["average_ms"] == oracle.mean(rows)
    before = asking.found(asking.range.before())
    same_counts(found["before"]["totals"], before)
    now, then = oracle.counts(rows), oracle.counts(before)
    assert found["change"] == {name: oracle.change(now[name], then[name]) for name in now}
    groups = oracle.grouped(rows, lambda row: (row["action_type"], row["action_name"]))
    listed = {(one["action_type"], one["action_name"]): one for one in found["by_action"]}
    assert listed.keys() == groups.keys()
    for key, members in groups.items():
        same_counts(listed[key], members)
        assert listed[key]["average_ms"] == oracle.mean(members)
        if "entity_type" not in asking.given:
            assert near(listed[key]["p95"], oracle.percentile(members, 95))
    starts = oracle.step_starts(asking.range.from_, asking.range.to, "day", asking.range.tz)
    assert [day["start"] for day in found["by_day"]] == starts
    for day, members in zip(found["by_day"], oracle.by_step(rows, starts, asking.range.to), strict=True):
        same_counts(day, members)


def check_trends(asking: Asking, found: Dumped) -> None:
    rows, stack = asking.found(), found["stack"]
    column = {"type": "action_type", "name": "action_name", "status": "status", "service": "service_name"}[stack]
    starts = oracle.step_starts(asking.range.from_, asking.range.to, asking.step, asking.range.tz)
    assert found["starts"] == starts
    same_counts(found["totals"], rows)
    groups = oracle.grouped(rows, lambda row: row[column] or "")
    assert {series["key"] for series in found["series"]} == groups.keys()
    for series in found["series"]:
        members = groups[series["key"]]
        same_counts(series, members)
        steps = oracle.by_step(members, starts, asking.range.to)
        assert series["counts"] == [len(step) for step in steps]
        assert series["successes"] == [oracle.successes(step) for step in steps]


def check_heatmap(asking: Asking, found: Dumped) -> None:
    def clock(row: oracle.Row) -> tuple[int, int]:
        local = row["timestamp"].astimezone(asking.range.tz)
        return local.isoweekday(), local.hour

    groups = oracle.grouped(asking.found(), clock)
    assert len(found["cells"]) == 168
    for cell in found["cells"]:
        same_counts(cell, groups.get((cell["weekday"], cell["hour"]), []))


def check_latency(asking: Asking, found: Dumped) -> None:
    rows = asking.found()
    check_percentiles(found["totals"], rows)
    starts = oracle.step_starts(asking.range.from_, asking.range.to, asking.step, asking.range.tz)
    assert [step["start"] for step in found["over_time"]] == starts
    for step, members in zip(found["over_time"], oracle.by_step(rows, starts, asking.range.to), strict=True):
        check_percentiles(step, members)
    groups = oracle.grouped(
        rows, lambda row: (row["action_type"], row["action_name"]) if row["duration_ms"] is not None else None
    )
    listed = {(one["action_type"], one["action_name"]): one for one in found["by_action"]}
    assert listed.keys() == groups.keys()
    for key, members in groups.items():
        check_percentiles(listed[key], members)


def check_errors(asking: Asking, found: Dumped) -> None:
    rows = asking.found()
    same_counts(found["totals"], rows)
    assert found["totals"]["rate"] == (round(len(oracle.failed(rows)) / len(rows), 6) if rows else None)
    starts = oracle.step_starts(asking.range.from_, asking.range.to, asking.step, asking.range.tz)
    for step, members in zip(found["over_time"], oracle.by_step(rows, starts, asking.range.to), strict=True):
        same_counts(step, members)
    for name, key in (
        ("by_action", lambda row: (row["action_type"], row["action_name"])),
        ("by_page", lambda row: row["page_route"] or ""),
    ):
        groups = {key: members for key, members in oracle.grouped(rows, key).items() if oracle.failed(members)}
        expected = sorted(groups, key=lambda one: (-len(oracle.failed(groups[one])), one))
        shown = [
            one["page_route"] if name == "by_page" else (one["action_type"], one["action_name"]) for one in found[name]
        ]
        assert shown == expected
        for one, group in zip(found[name], expected, strict=True):
            same_counts(one, groups[group])
            if name == "by_action":
                newest = [row["event_id"] for row in oracle.failed(groups[group])]
                examples = [example["event_id"] for example in one["examples"]]
                assert examples
                assert examples == newest[: len(examples)]


def check_pages(asking: Asking, found: Dumped) -> None:
    groups = oracle.grouped(asking.found(), lambda row: row["page_route"])
    expected = oracle.ranked(groups, oracle.successes)
    assert [page["page_route"] for page in found["items"]] == [key for key, _ in expected]
    for page, (_, members) in zip(found["items"], expected, strict=True):
        same_counts(page, members)


def check_users(asking: Asking, found: Dumped) -> None:
    expected = oracle.ranked(oracle.grouped(asking.found(), lambda row: row["user_email"]), oracle.successes)
    assert [user["user_email"] for user in found["items"]] == [key for key, _ in expected]
    for user, (_, members) in zip(found["items"], expected, strict=True):
        same_counts(user, members)
        times = [row["timestamp"] for row in members if row["result_status"] != "pending"]
        assert user["first_active"] == min(times, default=None)
        assert user["last_active"] == max(times, default=None)


def check_customers(asking: Asking, found: Dumped) -> None:
    expected = oracle.ranked(oracle.grouped(asking.found(), oracle.customer), oracle.successes)
    assert [one["customer_id"] for one in found["items"]] == [key for key, _ in expected]
    for one, (_, members) in zip(found["items"], expected, strict=True):
        same_counts(one, members)
        done = [row for row in members if row["status"] == "success"]
        assert one["users"] == sorted({row["user_email"] for row in done if row["user_email"]})
        assert one["last_viewed"] == max((row["timestamp"] for row in done), default=None)


def check_emails(asking: Asking, found: Dumped) -> None:
    rows = [row for row in asking.found() if row["action_name"] in {"send_email", "generate_email"}]
    groups = oracle.grouped(rows, lambda row: row["user_email"])
    expected = oracle.ranked(groups, lambda members: oracle.emails(members)["sent"])
    assert [one["user_email"] for one in found["items"]] == [key for key, _ in expected]
    for one, (_, members) in zip(found["items"], expected, strict=True):
        same_counts(one, members)
        wanted = oracle.emails(members)
        assert {name: one[name] for name in wanted} == wanted


def check_deals(asking: Asking, found: Dumped) -> None:
    rows = asking.found()
    starts = oracle.step_starts(asking.range.from_, asking.range.to, asking.step, asking.range.tz)
    steps = oracle.by_step(rows, starts, asking.range.to)
    for one, members in [(found["totals"], rows), *zip(found["over_time"], steps, strict=True)]:
        expected = oracle.deals(members)
        value = expected.pop("total_value_created")
        assert {name: one[name] for name in expected} == expected
        assert value == type(value)(one["total_value_created"])


CHECKS = {
    "summary": check_summary,
    "trends": check_trends,
    "heatmap": check_heatmap,
    "latency": check_latency,
    "errors": check_errors,
    "deals": check_deals,
    "pages": check_pages,
    "users": check_users,
    "customers": check_customers,
    "emails": check_emails,
}


async def ask_all(reading: Reading, asking: Asking, stack: Any) -> dict[str, Dumped]:
    about, step = asking.counting, asking.step
    everything = Asked(limit=1000, digest="", place=None)
    found = {
        "summary": await summary(reading, about),
        "trends": await trends(reading, about, step, stack, 100),
        "heatmap": await heatmap(reading, about),
        "latency": await latency(reading, about, step),
        "errors": await errors(reading, about, step),
        "deals": await deals(reading, about, step),
        "pages": await pages(reading, about, everything),
        "users": await users(reading, about, everything),
        "customers": await customers(reading, about, everything, named=True),
        "emails": await emails(reading, about, everything),
    }
    return {name: answer.model_dump() for name, answer in found.items()}


async def list_all(connection: Connection, asking: Asking, watermark: Watermark, limit: int) -> list[Dumped]:
    place: Place | None = first_place(watermark, asking.range.from_, asking.range.to, "")
    found: list[Dumped] = []
    while place is not None:
        page = await activities(
            Reading(connection, MEMORY), Wanted(asking.counting.filters, asking.range.to, place), limit, None
        )
        assert len(page.items) <= limit
        found += [one.model_dump() for one in page.items]
        place = None if page.next_cursor is None else Place.read(page.next_cursor, "")
    return found


async def rank_all(reading: Reading, asking: Asking) -> list[str]:
    place, found = None, []
    while True:
        page = await pages(reading, asking.counting, Asked(limit=1, digest="", place=place))
        found += [one.page_route for one in page.items]
        if page.next_cursor is None:
            return found
        place = Rank.read(page.next_cursor, "")


@settings(max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_every_answer_is_what_the_rows_say(
    database: str, superuser: Superuser, keeping: Keeping, writers: tuple[Writer, Writer], seed: int, size: int
) -> None:
    pick = Random(seed)
    for writer in writers:
        writer.close()
    superuser.execute(f"TRUNCATE {TABLES}".encode())
    arrive(pick, keeping, writers, size)
    if pick.random() < 0.5:
        while passes.carry_out(keeping, portion=pick.choice([2, 7, 100])).places:
            pass
    for _ in range(3):
        stack = pick.choice(STACKS)
        asking = Asking(pick, [])
        found = answered(database, lambda connection, a=asking, s=stack: ask_all(Reading(connection, MEMORY), a, s))  # type: ignore[misc]
        for name, answer in found.items():
            # Rollups of one kind know filters that another does not, so each answer has a watermark of its own.
            asking.rows = rows_at(superuser, Watermark.read(answer["watermark"]["cursor"]).lanes)
            CHECKS[name](asking, answer)
        watermark = Watermark.read(found["summary"]["watermark"]["cursor"])
        asking.rows = rows_at(superuser, watermark.lanes)
        listed = answered(
            database,
            lambda connection, a=asking, w=watermark: list_all(connection, a, w, pick.choice([1, 7, 1000])),  # type: ignore[misc]
        )
        assert [one["event_id"] for one in listed] == [row["event_id"] for row in asking.found()]
        assert [one["result_status"] for one in listed] == [row["status"] for row in asking.found()]
        assert len(listed) == found["summary"]["totals"]["count"]
        ranked = answered(database, lambda connection, a=asking: rank_all(Reading(connection, MEMORY), a))  # type: ignore[misc]
        assert ranked == [page["page_route"] for page in found["pages"]["items"]]
