"""The one way from pages to answers: the functions behind the routes of the API, for who is signed in, within one snapshot.

All figures of a page are of the same moment, and so agree with each other and with the lists behind them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from prelude_analytics import sources
from prelude_analytics.access import Caller, may_rank, restrict
from prelude_analytics.access.caller import governs
from prelude_analytics.answers import errors, latency, rankings, summary, trends
from prelude_analytics.answers.deals import Deals, deals
from prelude_analytics.answers.origins import Origins, origins
from prelude_analytics.answers.page import activities
from prelude_analytics.answers.page_latency import PageLatencies, page_latencies
from prelude_analytics.answers.rows import LAST_ID, Wanted, first_place
from prelude_analytics.answers.system import System, system
from prelude_analytics.answers.trends import Heatmap, Stack, Trends
from prelude_analytics.asking import PanelQuery, StepQuery, asked, counting, cut_now, step_of
from prelude_analytics.cursors import Place, Watermark
from prelude_analytics.filters import Filters
from prelude_analytics.governing.lists import plan_shown
from prelude_analytics.governing.overview import Overview, overview
from prelude_analytics.governing.overview import Wanted as Shown
from prelude_analytics.parameters import ParameterError
from prelude_analytics.ranges import Range
from prelude_analytics.routes.audit import sealed
from prelude_analytics.routes.rankings import RankingQuery, ranked
from prelude_analytics.routes.sessions import SessionQuery, SessionsQuery, session_shown, sessions_shown
from prelude_analytics.routes.system import QuarantineQuery, opened, quarantine_shown
from prelude_analytics.sources import Counting, newest, nothing_yet, rows_kept_from
from prelude_analytics.timeline.asked_cohorts import CohortsQuery, cohorts_shown
from prelude_analytics.timeline.asked_funnel import funnel
from prelude_analytics.timeline.asked_paths import PathsQuery, paths_shown
from prelude_analytics.timeline.query import TimelineQuery
from prelude_analytics.timeline.query import asked as asked_of_timeline
from prelude_analytics.zones import midnight
from prelude_dashboard import words

if TYPE_CHECKING:
    from starlette.requests import Request

    from prelude_analytics.answers.exporter import Probe
    from prelude_analytics.answers.page import Activities
    from prelude_analytics.answers.sessions import OneSession, Sessions
    from prelude_analytics.care import Care
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.governing.office import Office
    from prelude_analytics.governing.shapes import Plan
    from prelude_analytics.items import Activity
    from prelude_analytics.routes.audit import Seal
    from prelude_analytics.routes.system import Quarantine, QuarantineRecord
    from prelude_analytics.settings import Settings
    from prelude_analytics.timeline.asked_cohorts import Cohorts
    from prelude_analytics.timeline.asked_paths import PathsShown
    from prelude_analytics.timeline.funnels import Funnel, FunnelBody
    from prelude_analytics.timeline.memory import Memory
    from prelude_analytics.timeline.query import Asked
    from prelude_analytics.zones import Step
    from prelude_dashboard.state import State

__all__ = ["Asking", "asking"]

_HEATMAP_DAYS: Final = timedelta(days=400)
_MOST_ID: Final = 2**63
_USUAL: Final = ("1", "7", "30", "90")
"""Days of a range that are asked for most."""
_NEW: Final = timedelta(days=7)
"""How far back the newest rows are looked for."""


class Asking:
    """What one page may ask. Methods give what the routes of the same names give.

    Args:
        reading: one snapshot.
        kept: what the application keeps, its ``state``.
        caller: who is signed in.
        state: of the page.
        newest: time of the newest row, if that is dated ahead of now.

    Every method raises what its route raises: `ParameterError`, `Problem`, `DatabaseUnavailableError`, `TooMuchError`.
    """

    def __init__(self, reading: Reading, kept: Any, caller: Caller, state: State, newest: datetime | None) -> None:
        self._reading = reading
        self._timeline: Memory = kept.timeline
        self._care: Care = kept.care
        self._office: Office = kept.office
        self._probe: Probe = kept.exporter
        self.caller = caller
        self.settings: Settings = kept.settings
        self.state = state
        self._newest = newest
        self.now = datetime.now(UTC)

    @cached_property
    def query(self) -> PanelQuery:
        """Filters and range of the page, as the API reads them."""
        return PanelQuery(**self._given)

    @cached_property
    def about(self) -> Asked:
        """What the page asks about what follows what."""
        return asked_of_timeline(TimelineQuery(**self._given), self.caller, self.settings)

    @cached_property
    def counting(self) -> Counting:
        """What figures of the page count."""
        return self._reaching(counting(self.query, self.caller, self.settings))

    async def narrow(self) -> bool:
        """Count in the newest rows alone where the range has more than figures may read; whether that is so.

        For pages about one person or one thing, whose figures come from rows. Lists go back to the beginning of the range all the same.
        """
        part = await newest(self._reading.connection, self.counting)
        narrowed = part is not self.counting
        self.counting = part
        return narrowed

    async def nothing_yet(self) -> bool:
        """Whether nothing was ever committed."""
        return await nothing_yet(self._reading.connection)

    async def kept_from(self, *, people: bool) -> datetime | None:
        """From when on all that the page asks for is there; None: none of it went by retention.

        Args:
            people: whether it matters whose rows are, which may go before the row.
        """
        among = self.query.range(self.now)
        filters = restrict(self.caller, self.query.filters())
        return await rows_kept_from(self._reading.connection, filters, among.from_, among.to, people=people)

    @property
    def most_rows(self) -> int:
        """How many rows figures may read."""
        return sources.MOST_ROWS

    @property
    def tz(self) -> ZoneInfo:
        """The zone whose calendar the page goes by."""
        return self.counting.range.tz

    @property
    def days(self) -> str:
        """The first and the last day of the range that is asked for, in words; one, where it is one. With hours, where it begins within a day."""
        among, tz = self.query.range(self.now), self.tz
        end = among.to - timedelta(microseconds=1)
        if among.from_ != midnight(among.from_.astimezone(tz).date(), tz):
            same = among.from_.astimezone(tz).date() == end.astimezone(tz).date()
            return f"{words.short(among.from_, tz)} – {words.time(among.to, tz)[:5] if same else words.short(among.to, tz)}"
        first, last = words.day(among.from_, tz), words.day(end, tz)
        return first if first == last else f"{first} – {last}"

    @property
    def yesterday(self) -> tuple[str, str]:
        """The dates on which yesterday begins and ends, by the calendar of the page."""
        today = self.now.astimezone(self.tz).date()
        return str(today - timedelta(days=1)), str(today)

    @property
    def step(self) -> Step:
        """How long the steps of charts over time are."""
        return step_of(StepQuery(step=self.state["step"]), self.counting.range)

    @property
    def ranks(self) -> bool:
        """Whether the page may rank people by name."""
        return self.caller.role == "self" or may_rank(self.caller, self.settings)

    async def summary(self) -> summary.Summary:
        """Totals, by action, by day."""
        return await summary.summary(self._reading, self.counting)

    async def trends(self, stack: Stack, limit: int = 6) -> Trends:
        """Counts over time."""
        return await trends.trends(self._reading, self.counting, self.step, stack, limit)

    async def heatmap(self) -> Heatmap | None:
        """Counts by hour and weekday; None where the range is too long for it."""
        among = self.counting.range
        if among.to - among.from_ > _HEATMAP_DAYS:
            return None
        return await trends.heatmap(self._reading, self.counting)

    async def latency(self) -> latency.Latency:
        """How long activities took."""
        return await latency.latency(self._reading, self.counting, self.step)

    async def errors(self) -> errors.Errors:
        """What failed."""
        return await errors.errors(self._reading, self.counting, self.step)

    async def pages(self, limit: int = 10) -> rankings.Pages:
        """The most visited pages."""
        return await rankings.pages(self._reading, self.counting, rankings.Asked(limit, "", None))

    async def activities(self, limit: int = 100) -> Activities:
        """A page of the list of activities: the state's cursor, its watermark, or all that is committed."""
        filters, among = restrict(self.caller, self.query.filters()), self.query.range(self.now).reaching(self._newest)
        digest = asked(self.query, filters)
        cursor, as_of = self.state["cursor"], self.state["as_of"]
        if cursor is not None:
            place, moment = Place.read(cursor, digest), None
        else:
            watermark, moment = (
                (Watermark.read(as_of), None) if as_of is not None else await self._reading.committed(self._cut)
            )
            place = first_place(watermark, among.from_, among.to, digest)
        return await activities(self._reading, Wanted(filters, among.to, place), limit, moment)

    async def newest(self, limit: int) -> Activities:
        """The newest rows that there are, whatever the range of the page; from the list's cursor on the live feed has the rest."""
        filters = restrict(self.caller, self.query.filters())
        watermark, moment = await self._reading.committed(self._cut)
        until = (self._newest or self.now) + timedelta(seconds=1)  # what is committed, whatever its clock says
        place = first_place(watermark, self.now - _NEW, until, asked(self.query, filters))
        return await activities(self._reading, Wanted(filters, until, place), limit, moment)

    async def activity(self, timestamp: datetime, event_id: UUID) -> Activity | None:
        """One activity, whatever the filters of the page; None where there is none that the caller may see."""
        filters = restrict(self.caller, Filters())
        watermark, _ = await self._reading.committed(self._cut)
        until = timestamp + timedelta(microseconds=1)
        place = Place(watermark, timestamp, until, LAST_ID, "")
        found = await activities(self._reading, Wanted(filters, until, place), 1000, None)
        return next((one for one in found.items if one.event_id == event_id), None)

    async def origins(self, limit: int = 5) -> Origins:
        """Where activities came from."""
        return await origins(self._reading, self.counting, limit)

    async def sessions(self, limit: int = 50, cursor: str | None = None, *, with_errors: bool = False) -> Sessions:
        """The sessions that began last in the range; of the filters, ``user_email`` and ``session_id`` count."""
        about = {
            name: value for name, value in self._given.items() if name in SessionsQuery.model_fields or name == "from"
        }
        query = SessionsQuery(**about, limit=limit, cursor=cursor, with_errors=with_errors)
        return await sessions_shown(self._reading, query, self.caller, self.settings, self.now)

    async def session(
        self, session_id: str, limit: int = 100, cursor: str | None = None, result_status: str | None = None
    ) -> OneSession:
        """One session of ``user_email``, and what was done in it."""
        query = SessionQuery(
            user_email=self.state["user_email"], result_status=result_status, cursor=cursor, limit=limit
        )
        return await session_shown(self._reading.connection, session_id, query, self.caller, self.settings)

    async def users(self, limit: int, cursor: str | None = None) -> rankings.Users:
        """Who did most, with a line over time; for whom `ranks` lets."""
        about, part = self._ranked(limit, cursor, "users")
        return await rankings.users(self._reading, about, part, step_of(StepQuery(step=None), about.range))

    async def customers(self, limit: int, cursor: str | None = None) -> rankings.Customers:
        """Which customers were viewed most; by whom, for whom `ranks` lets."""
        about, part = self._ranked(limit, cursor, "customers")
        return await rankings.customers(self._reading, about, part, named=self.ranks)

    async def viewers(self, customer: str) -> list[str]:
        """Who viewed a customer; for whom `ranks` lets."""
        return await rankings.viewers(self._reading, self.counting, customer)

    async def deals(self) -> Deals:
        """What was done to deals."""
        return await deals(self._reading, self.counting, self.step)

    async def emails(self, limit: int = 100) -> rankings.Emails:
        """Who generated and sent emails; for whom `ranks` lets."""
        return await rankings.emails(self._reading, self.counting, rankings.Asked(limit, "", None))

    async def page_latencies(self) -> PageLatencies:
        """How long activities took, by page."""
        return await page_latencies(self._reading, self.counting)

    async def funnel(self, body: FunnelBody) -> Funnel:
        """How many people went a way, and who."""
        query = TimelineQuery(**self._given)
        return await funnel(self._reading, self._timeline, self.about, body, query)

    async def cohorts(self, **asked: Any) -> Cohorts:
        """Who came back; `asked` are parameters of the route beside filters and range."""
        query = CohortsQuery(**self._given, **asked)
        return await cohorts_shown(self._reading, self._timeline, self.about, query)

    async def paths(self, **asked: Any) -> PathsShown:
        """What follows what; `asked` as for `cohorts`."""
        query = PathsQuery(**self._given, **asked)
        return await paths_shown(self._reading, self._timeline, self.about, query)

    async def system(self) -> System:
        """How the log fares."""
        waiting = await self._care.waiting() if self._care else None
        return await system(self._reading.connection, waiting, await self._probe.look())

    async def sealed(self) -> Seal:
        """How far seals are."""
        return await sealed(self._reading.connection)

    async def quarantine(self, limit: int) -> Quarantine | None:
        """Records that could not become rows; None where the service has no login for them."""
        if not self._care:
            return None
        query = QuarantineQuery(limit=limit, reason=self.state["reason"], before=self._number("before"))
        return await quarantine_shown(self._care, query)

    async def quarantined(self) -> QuarantineRecord | None:
        """The record that ``open`` names, for who governs; None where it names none."""
        number = self._number("open")
        if number is not None:
            governs(self.caller)
        return None if number is None else await opened(self._care, number)

    async def governance(self) -> Overview | None:
        """How the log is governed; None where the service has no login for it."""
        if not self._office:
            return None
        opened, cursor = self._number("open"), self.state["cursor"]
        wanted = Shown(closed=self.state["closed"] == "1", cursor=cursor, opened=opened)
        settings, jobs = self.settings, self._office.jobs
        return await self._office.look(lambda connection: overview(connection, settings, jobs, wanted))

    async def retention_plan(self) -> Plan:
        """What would go, if retention ran now."""
        return await self._office.plan(plan_shown)

    def _number(self, name: str) -> int | None:
        given = self.state[name]
        if given is None:
            return None
        if not given.isascii() or not given.isdigit() or not 0 < int(given[:20]) < _MOST_ID:
            raise ParameterError(name, given, "it is the number of an entry, as the list links to it")
        return int(given)

    def _ranked(self, limit: int, cursor: str | None, of: str) -> tuple[Counting, rankings.Asked]:
        about, part = ranked(RankingQuery(**self._given, limit=limit, cursor=cursor), self.caller, self.settings, of)
        # A page that counts in a part of its range does so everywhere.
        return self._reaching(about) if cursor is not None else replace(about, range=self.counting.range), part

    def _reaching(self, about: Counting) -> Counting:
        return replace(about, range=about.range.reaching(self._newest))

    @cached_property
    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = dict(self.state.filters | self.state.range)
        if "days" in given:
            try:
                given["days"] = int(given["days"])
            except ValueError:
                raise ParameterError("days", given["days"], "it is a number of days") from None
        return given

    @property
    def _cut(self) -> datetime:
        return cut_now(self.settings, self.now)


@asynccontextmanager
async def asking(request: Request, caller: Caller, state: State) -> AsyncIterator[Asking]:
    """One snapshot for one page."""
    now = datetime.now(UTC)
    about = Range(now - _days(state), now, ZoneInfo("UTC"), open=True)
    async with request.app.state.figures.read(about) as reading:
        newest = await reading.newest_ahead(now)
        yield Asking(reading, request.app.state, caller, state, newest)


def _days(state: State) -> timedelta:
    """As long as the range of the page, about, and the period before it: what is to be known of them is asked at once."""
    days = str(state.range.get("days", ""))
    return timedelta(days=2 * int(days)) if days in _USUAL else 2 * _NEW
