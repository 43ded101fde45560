"""Through the database: whatever is built, dirty or late, funnels, cohorts and paths are as their definitions have them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest

from prelude_analytics.answers.cohorts import cohorts, first_moments, returned
from prelude_analytics.answers.flows import levels
from prelude_analytics.answers.funnel import Order, Step, counted
from prelude_analytics.filters import Filters
from prelude_analytics.timeline.asked_funnel import best_of
from prelude_analytics.timeline.asked_paths import PathsQuery, flows_in
from prelude_analytics.timeline.funnels import FunnelBody, question_of
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.memory import Memory
from prelude_analytics.timeline.periods import Unit, periods
from prelude_store.connection import connect
from prelude_store.timeline.build import build_days
from prelude_store.timeline.follow import follow as follow_lanes
from prelude_store.writer import Writer
from tests.oracle import cohorts as cohorts_oracle
from tests.oracle import paths as paths_oracle
from tests.oracle.funnel import Match, funnel, table
from tests.oracle.history import DAY, HOUR, Row, make_history, microseconds, within
from tests.oracle.history import counted as counting
from tests.support.oracle_cases import cases
from tests.support.postgres import TestServer, as_role
from tests.support.timelines import moment, on_timeline, write, written

FIRST = microseconds(datetime(2018, 3, 24, tzinfo=UTC))
APART = 6 * DAY
SECOND = 1_000_000
TOGETHER = 5
"""Histories that share a database. With many more there would be partitions for decades: planning takes longer than answering then, and what is
dated ahead of now is not taken. And in a database that is old all names are known."""
FILTERS: list[dict[str, str]] = [
    {},
    {},
    {"service_name": "crm"},
    {"result_status": "timeout"},
    {"user_email": "user1@company.com"},
    {"q": "user"},
]


class Story:
    """A database for some histories, each with days of its own, and then the next one."""

    def __init__(self, postgres: TestServer) -> None:
        self._postgres = postgres
        self._told = 0
        self._open()

    def begins(self) -> int:
        """Where the next history may begin: `APART` belongs to it alone."""
        if self._told == TOGETHER:
            self.close()
            self._told = 0
            self._open()
        self._told += 1
        return FIRST + (self._told - 1) * APART

    def close(self) -> None:
        for writer in self.writers:
            writer.close()
        self.keeper.close()
        self.superuser.close()
        self._postgres.drop_database(self.url)

    def _open(self) -> None:
        self.url = self._postgres.create_database()
        self.writers = [Writer(as_role(self.url, "writer"), statement_timeout=60.0) for _ in range(2)]
        self.keeper = connect(as_role(self.url, "keeper"), "test")
        self.superuser: psycopg.Connection[Any] = psycopg.connect(self.url, autocommit=True)


@pytest.fixture(scope="module")
def story(postgres: TestServer) -> Iterator[Story]:
    story = Story(postgres)
    yield story
    story.close()


@dataclass(frozen=True, slots=True)
class Told:
    """A history that was written: all that counts of its users, what is asked of it, and the rows that fit the question."""

    everything: list[Row]
    rows: list[Row]
    since: int
    until: int
    asked: dict[str, Any]


def tell(chance: random.Random, story: Story) -> Told:
    """Write a history in pieces, late ones among them, with the timeline built in between or not."""
    begins = story.begins()
    history = make_history(chance, begins + DAY, days=3, actions="abc", most=chance.choice([10, 60]))
    chance.shuffle(history)
    pieces = [history[start::3] for start in range(3)]
    for piece in pieces:
        if piece:
            write(chance.choice(story.writers), piece)
        while follow_lanes(story.keeper, chance.choice([5, 1000])):
            pass
        if chance.random() < 0.5:
            build_days(story.keeper, dirty_days(story.superuser))
    # What is dirty still was built long ago: so its rows are read.
    story.superuser.execute("UPDATE timeline_days SET built_at = built_at - interval '1 hour' WHERE dirty")
    cut, given = begins + 2 * DAY, chance.choice(FILTERS)
    since = begins + chance.choice([0, DAY, DAY + HOUR])
    until = begins + chance.choice([4 * DAY, 5 * DAY, 4 * DAY - HOUR])
    taken = written(story.superuser, 0, begins + APART)
    assert {row.event_id for row in history} <= {row.event_id for row in taken}
    everything = [row for row in counting(taken, cut) if row.user and fits(row, given)]
    return Told(everything, within(everything, since, until), since, until, {"filters": Filters(**given), "cut": cut})


def dirty_days(superuser: psycopg.Connection[Any]) -> list[Any]:
    return [day for (day,) in superuser.execute("SELECT day FROM timeline_days WHERE dirty ORDER BY day").fetchall()]


def fits(row: Row, given: dict[str, str]) -> bool:
    wanted = {"service_name": row.service, "result_status": row.status, "user_email": row.user}
    return all(wanted.get(name, value) == value for name, value in given.items())


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
def test_funnels_are_as_their_definition_has_them(story: Story, order: Order) -> None:
    for number, chance in cases(2, salt=f"timeline {order}"):
        told = tell(chance, story)
        steps = [Match(("a",), chance.choice([None, "success"])), Match(("b",))]
        exclusions = [Match(("c",))] if chance.random() < 0.5 else [Match(("nothing",))]
        window = chance.choice([1, HOUR // SECOND, DAY // SECOND, 9 * DAY // SECOND])
        made = funnel(told.rows, steps, exclusions, window * SECOND, order)
        shown, reached = on_timeline(
            story.url, told.since, told.until, partial(ask_funnel, steps, exclusions, window, order), **told.asked
        )
        assert reached == {user: (len(one.rows), one.rows[0].service) for user, one in made.items()}, number
        assert [(step.users, step.median_us) for step in shown] == table(made, 2), number


def test_people_and_services_that_the_timeline_has_never_seen_count_beside_rows_without_a_service(
    postgres: TestServer,
) -> None:
    story = Story(postgres)
    begins = story.begins()
    rows = [
        Row(f"{service}@company.com", begins + at, 0, 0, str(uuid4()), action, "success", service)
        for service in (None, "crm", "mail")
        for at, action in enumerate("ab")
    ]
    write(story.writers[0], rows)
    steps = [Match(("a",)), Match(("b",))]
    _, reached = on_timeline(story.url, begins, begins + DAY, partial(ask_funnel, steps, [], 60, "ordered"))
    assert reached == {row.user: (2, row.service) for row in rows}
    story.close()


async def ask_funnel(
    steps: list[Match], exclusions: list[Match], window: int, order: Order, timeline: Timeline
) -> tuple[list[Step], dict[str, tuple[int, str | None]]]:
    wanted, excluded = [
        [{"actions": [f"crm.{action}" for action in one.actions], "result_status": one.status} for one in some]
        for some in (steps, exclusions)
    ]
    body = FunnelBody.model_validate(
        {"steps": wanted, "exclusions": excluded, "window": window, "order": order, "breakdown": "service_name"}
    )
    best = await best_of(timeline, body, question_of(body))
    services = {0: None} | timeline.services
    emails = await timeline.emails(best.users)
    reached = zip(best.users.tolist(), best.reached.tolist(), best.groups.tolist(), strict=True)
    return counted(best, len(steps)), {emails[user]: (steps, services[group]) for user, steps, group in reached}


def test_paths_are_as_their_definition_has_them(story: Story) -> None:
    for number, chance in cases(3, salt="timeline paths"):
        told = tell(chance, story)
        gap, start = chance.choice([900, 6 * 3600]), chance.choice([None, "a"])
        found = on_timeline(story.url, told.since, told.until, partial(ask_paths, gap, start), **told.asked)
        assert found == paths_oracle.steps(paths_oracle.paths(told.rows, gap, start), 3, 2)[0], number


def test_paths_go_over_midnight_in_the_order_of_days_whichever_days_were_remembered_first(story: Story) -> None:
    begins = story.begins() + DAY
    midnights = [begins + DAY, begins + 3 * DAY]
    rows = [
        Row("ada@company.com", midnight + side * SECOND, 0, 0, str(uuid4()), action, "success", "crm")
        for midnight in midnights
        for side, action in ((-1, "a"), (1, "b"))
    ]
    write(story.writers[0], rows)
    build_days(story.keeper, [moment(begins + day * DAY).date() for day in range(4)])
    memory = Memory(1_000_000)
    for since in (begins + 2 * DAY, begins):
        found = on_timeline(story.url, since, begins + 4 * DAY, partial(ask_paths, 900, None), memory=memory)
        asked = within(rows, since, begins + 4 * DAY)
        assert found == paths_oracle.steps(paths_oracle.paths(asked, 900, None), 3, 2)[0]


async def ask_paths(gap: int, start: str | None, timeline: Timeline) -> list[dict[str, tuple[int, int]]]:
    flows = await flows_in(timeline, PathsQuery.model_validate({"gap": gap, "start": start and f"crm.{start}"}))
    names = {number: name for number, (_, name) in timeline.actions.items()}
    shown = levels(flows, 2, names)
    return [{names.get(node.action or 0, "(other)"): (node.count, node.ended) for node in step} for step in shown.nodes]


def test_cohorts_are_as_their_definition_has_them(story: Story) -> None:
    for number, chance in cases(3, salt="timeline cohorts"):
        told = tell(chance, story)
        unit: Unit = chance.choice(["day", "week"])
        tz, ever, rolling = (
            chance.choice(["UTC", "Asia/Kolkata", "Europe/Berlin"]),
            chance.random() < 0.5,
            chance.random() < 0.4,
        )
        found = on_timeline(
            story.url, told.since, told.until, partial(ask_cohorts, unit, ever, rolling), tz=tz, **told.asked
        )
        expected = cohorts_oracle.cohorts(
            told.everything, told.since, told.until, unit, ZoneInfo(tz), ever=ever, rolling=rolling, action=None
        )
        assert found == expected, number


async def ask_cohorts(
    unit: Unit, ever: bool, rolling: bool, timeline: Timeline
) -> list[tuple[date, int, list[int], list[bool]]]:
    dates, edges = periods(timeline.range, unit)
    moments = await timeline.moments(None if rolling else edges)
    users = np.unique(moments.users)
    known = await timeline.seen_before(users) if ever else users[:0]
    length = (7 if unit == "week" else 1) * DAY if rolling else None
    asked = edges, microseconds(timeline.range.to), length
    table = cohorts(returned(first_moments(moments, known), moments, *asked), *asked)
    return [(day, one.users, one.returned, one.complete) for day, one in zip(dates, table, strict=True)]
