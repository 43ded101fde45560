"""Reading the parts of a range: from the timeline where it has them, else out of the log."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial, reduce
from typing import Any, Final

import numpy as np

from prelude_analytics.answers.cohorts import Moments, edges_are_enough, edges_of
from prelude_analytics.answers.lives import (
    MOST_USERS,
    Hits,
    Runs,
    Sequence,
    inserted,
    runs_of,
    sequence_of,
)
from prelude_analytics.database import Connection
from prelude_analytics.filters import Filters
from prelude_analytics.queries import load
from prelude_analytics.ranges import Range
from prelude_analytics.timeline.memory import Memory
from prelude_analytics.timeline.picking import Action, Wanted, passing, picked, picked_of_blocks
from prelude_analytics.timeline.plan import MOST_ROWS, Built, Part, as_of, plan, refuse_too_many
from prelude_analytics.timeline.rows import (
    Rows,
    columns_of_day,
    effective,
    numbered,
    renumbered,
    rows_of_records,
    runs_of_day,
    sequence_of_day,
)
from prelude_analytics.timeline.stored import Stored, binary
from prelude_analytics.timeline.work import worked
from prelude_store.timeline.columns import Columns, Ints
from prelude_store.timeline.moments import EPOCH, microseconds
from prelude_store.timeline.rows import COUNTED, SERVICE, STATUS_CODE

__all__ = ["Timeline"]

_IN_COLUMNS: Final = frozenset({"action_type", "action_name", "result_status", "service_name"})
"""Filters that the timeline knows."""
_NO_PROPERTY: Final = "NULL::text"
_ANY_ACTION: Final = "true"
_THESE_ACTIONS: Final = (
    "(log.action_type, log.action_name) IN (SELECT * FROM unnest(%(types)s::text[], %(names)s::text[]))"
)
_EMPTY: Final = np.zeros(0, dtype=np.int64)
_CHANGING: Final = frozenset({"pending", "timeout"})
"""Statuses as which a row may read sooner or later."""
_MOST_CHANGING: Final = 3
"""Stretches at the end that may be counted anew again and again."""
_A_MOMENT: Final = timedelta(minutes=10)


@dataclass(slots=True)
class Timeline:
    """A range of the log, for one request; made by `open`.

    Attributes:
        parts: where each stretch comes from.
        as_of: up to when all that committed is in the answer.
        now: when its snapshot was made, by the database's clock.
        actions: what the numbers of activities mean; complete once rows were read.
        services: as above, of services; 0 is none.
        properties: as above, of the property that was asked for; 0 is none.
        property: SQL of ours that gives it from a row of the log, and what stands in it as a parameter.
        newcomers: addresses of users whom the timeline does not know yet, by number.
        memory: of the process.
        rows_kept_from: from when on all rows are there; None: none went by retention.
    """

    connection: Connection
    range: Range
    filters: Filters
    cut: datetime
    parts: list[Part]
    as_of: datetime
    now: datetime
    actions: dict[int, Action] = field(default_factory=dict)
    services: dict[int, str] = field(default_factory=dict)
    properties: dict[int, str] = field(default_factory=dict)
    newcomers: dict[int, str] = field(default_factory=dict)
    property: tuple[str, str | None] = (_NO_PROPERTY, None)
    memory: Memory = field(default_factory=Memory)
    rows_kept_from: datetime | None = None
    _read: dict[tuple[Any, ...], dict[int, Rows]] = field(default_factory=dict)
    _given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Ask once what is filtered."""
        self._given = self.filters.given

    @classmethod
    async def open(
        cls,
        connection: Connection,
        range_: Range,
        filters: Filters,
        cut: datetime,
        *,
        from_log: bool = False,
        memory: Memory | None = None,
    ) -> Timeline:
        """Decide where to read what.

        Args:
            cut: pending rows from before read as timeout.
            from_log: read nothing from the timeline.
            memory: what is read of the timeline stays there; by default nothing does.
        """
        known = filters.within(_IN_COLUMNS) and not from_log
        days = {"first": range_.from_.date(), "last": range_.to.date()}
        async with connection.pipeline():  # one round trip for all
            freshness = await connection.execute(load("timeline_freshness"))
            state = await connection.execute(load("timeline_state"), days) if known else None
            actions = await connection.execute(load("timeline_actions"))
            services = await connection.execute(load("timeline_services"))
        fresh = await freshness.fetchone() or {}
        now: datetime = fresh["now"]
        built: dict[date, Built] = {}
        for row in await state.fetchall() if state else ():
            took = timedelta(milliseconds=row["built_ms"])
            built[row["day"]] = Built(row["day"], row["dirty"], row["built_at"], took, row["row_count"])
        parts = plan(range_.from_, range_.to, built, now)
        until = as_of(parts, now, fresh["followed_at"], behind=fresh["behind"])
        timeline = cls(connection, range_, filters, cut, parts, until, now, memory=memory or Memory())
        timeline.actions = {row["id"]: (row["action_type"], row["action_name"]) for row in await actions.fetchall()}
        timeline.services = {row["id"]: row["service_name"] for row in await services.fetchall()}
        return timeline

    async def hits(self, wanted: list[Wanted], *, group: str | None = None, strict: bool = False) -> list[Hits]:
        """The rows of each of `wanted`; as `pieces`, of all stretches, in one piece."""
        found = await self.pieces(wanted, range(len(self.parts)), group=group, strict=strict)
        return await worked(lambda: [reduce(inserted, pieces) for pieces in found])

    async def pieces(
        self, wanted: list[Wanted], numbers: Container[int], *, group: str | None = None, strict: bool = False
    ) -> list[list[Hits]]:
        """The rows of each of `wanted`, each in one or more pieces.

        Args:
            numbers: of the stretches in which to look.
            group: what the rows are grouped by: ``service_name``, ``result_status`` or ``property``.
            strict: keys also tell which row of a user comes next at all (see `runs`).
        """

        def among(rows: dict[int, Rows]) -> dict[int, Rows]:
            return {number: some for number, some in rows.items() if number in numbers}

        actions = sorted({action for one in wanted for action in one.actions})
        if strict and self._given:  # next among those that the filters let pass: all columns are needed
            rows = await self._rows(whole_days=True)
            return [[hits] for hits in await worked(partial(picked, wanted, among(rows), self.actions, group))]
        rows = among(await self._rows(None if strict else actions))
        whole = await self._of_whole_days(wanted, group, numbers)
        few = await worked(partial(picked, wanted, rows, self.actions, group))
        return [list(both) for both in zip(whole, few, strict=True)]

    def key(self, first: int = 0, last: int | None = None) -> tuple[Any, ...] | None:
        """What the rows of the stretches from `first` on and before `last` are known by, as they read; None where some come out of the log."""
        parts = self.parts[first:last]
        if any(part.day is None for part in parts):
            return None
        days = tuple((part.since, part.until, part.day.built_at) for part in parts if part.day is not None)
        cut = self.cut if self._given.get("result_status") in _CHANGING else None
        return (*self._given.items(), cut, days)

    def filtered(self) -> bool:
        """Whether some rows are left out."""
        return bool(self._given)

    def settled(self) -> int:
        """How many of the first stretches seldom change: all but the last, and those beside it that were made anew a moment ago."""
        number = max(len(self.parts) - 1, 0)
        while number > max(len(self.parts) - _MOST_CHANGING, 0) and self._changes(self.parts[number - 1]):
            number -= 1
        return number

    def _changes(self, part: Part) -> bool:
        return part.day is None or self.now - part.day.built_at < _A_MOMENT

    async def runs(self) -> list[Runs]:
        """Who was active, stretch by stretch."""
        if self._given:
            rows = await self._rows(whole_days=True)
            return await worked(lambda: [runs_of(rows[number].columns) for number in range(len(self.parts))])
        rows = await self._rows()
        days = await self._days("timeline_runs")
        return [
            runs_of(rows[number].columns) if number in rows else runs_of_day(days[number])
            for number in range(len(self.parts))
        ]

    async def moments(self, periods_us: Ints | None) -> Moments:
        """When users were active: every moment, or of whole days just what tells in which periods that was.

        Args:
            periods_us: where periods of the calendar begin; None: periods of 24 hours or more that count from a moment of the user's.
        """
        every = bool(self._given) or (periods_us is not None and not edges_are_enough(periods_us))
        rows = await self._rows(whole_days=every)
        days = {} if every else await self._days("timeline_runs")

        def all_of_them() -> Moments:
            edges = edges_of([runs_of_day(day) for day in days.values()])
            users = np.concatenate([edges.users, *(some.columns.users for some in rows.values())])
            return Moments(users, np.concatenate([edges.times, *(some.columns.times for some in rows.values())]))

        return await worked(all_of_them)

    async def sequences(self) -> list[Sequence]:
        """What was done, stretch by stretch."""
        if self._given:
            rows = await self._rows(whole_days=True)
            return await worked(lambda: [sequence_of(rows[number].columns) for number in range(len(self.parts))])
        rows = await self._rows()
        days = await self._days("timeline_sequences")
        return [
            sequence_of(rows[number].columns) if number in rows else sequence_of_day(days[number])
            for number in range(len(self.parts))
        ]

    async def times_of(self, stretch: int, offsets: Ints) -> Ints:
        """When rows of one stretch were, by their places in `sequences`, in microseconds."""
        rows = await self._rows(whole_days=bool(self._given))
        if stretch in rows:
            return rows[stretch].columns.times[offsets]
        days = await self._days("timeline_columns", only=[stretch])
        return columns_of_day(days[stretch]).times[offsets]

    async def seen_before(self, users: Ints) -> Ints:
        """Those of `users` who have a row from before the range that the filters let pass."""
        cursor = await self.connection.execute(load("timeline_complete_before"), {"first": self.range.from_})
        complete = await cursor.fetchone()
        if self._given or complete is None or not complete["complete"]:
            return await self._asked_of_log(users, EPOCH)
        midnight = datetime.combine(self.range.from_.astimezone(UTC).date(), time(), UTC)
        earlier = await self.connection.execute(load("timeline_earlier"), {"first": midnight.date()})
        days = await earlier.fetchall()
        self.as_of = min([self.as_of, *(day["built_at"] for day in days if day["dirty"])])
        versions = {day["day"]: day["built_at"] for day in days}
        key = ("known", *versions.items())

        async def read(_: list[Any]) -> dict[Any, Ints]:
            runs = await Stored(self.connection, self.memory).days("timeline_runs", versions)
            known = [_EMPTY, *(np.frombuffer(day["users"], dtype="<i4") for day in runs.values())]
            return {key: await worked(lambda: np.unique(np.concatenate(known)))}

        known: Ints = (await self.memory.obtain([key], read))[key]
        if midnight == self.range.from_:
            return known
        new = await worked(lambda: users[~np.isin(users, known)])
        return np.concatenate([known, await self._asked_of_log(new, midnight)])

    async def _asked_of_log(self, users: Ints, since: datetime) -> Ints:
        emails = await self.emails(users)
        condition, values = self.filters.where("log")
        statement = load("timeline_seen_before", filters=condition, counted=COUNTED)
        asked = {"ids": list(emails), "emails": list(emails.values()), "cut": self.cut}
        bounds = {"since": since, "until": self.range.from_}
        cursor = await self.connection.execute(statement, values | asked | bounds)
        return np.array([row["id"] for row in await cursor.fetchall()], dtype=np.int64)

    async def emails(self, users: Ints) -> dict[int, str]:
        """Addresses by number."""
        found = {user: self.newcomers[user] for user in users.tolist() if user in self.newcomers}
        cursor = await self.connection.execute(load("timeline_emails"), {"users": users.tolist()})
        return found | {row["id"]: row["user_email"] for row in await cursor.fetchall()}

    async def roles(self, users: Ints) -> dict[int, str]:
        """Roles in the profiles of `users`, where they have one."""
        emails = await self.emails(users)
        cursor = await self.connection.execute(load("timeline_roles"), {"emails": list(emails.values())})
        roles = {row["email"]: row["role"] for row in await cursor.fetchall()}
        return {user: roles[email] for user, email in emails.items() if email in roles}

    async def _days(self, name: str, *, only: list[int] | None = None) -> dict[int, dict[str, Any]]:
        """Days of the timeline that are parts as a whole, or those of `only`, by the number of the part."""
        chosen = {
            number: part.day
            for number, part in enumerate(self.parts)
            if part.day is not None and (part.whole if only is None else number in only)
        }
        days = await Stored(self.connection, self.memory).days(name, {day.day: day.built_at for day in chosen.values()})
        return {number: days[day.day] for number, day in chosen.items()}

    async def _rows(self, actions: list[Action] | None = None, *, whole_days: bool = False) -> dict[int, Rows]:
        """Rows of the parts that are not whole days of the timeline (or of all), as they read, and filtered."""
        asked = whole_days, None if actions is None else tuple(actions)
        if asked in self._read:
            return self._read[asked]
        wanted = [n for n, part in enumerate(self.parts) if part.day is not None and (whole_days or not part.whole)]
        found: dict[int, Rows] = {}
        for number, day in (await self._days("timeline_columns", only=wanted)).items():
            found[number] = await worked(partial(self._filtered, number, day))
        found |= await self._from_log(actions)
        self._read[asked] = found
        return found

    def _filtered(self, number: int, day: dict[str, Any]) -> Rows:
        rows, part = effective(columns_of_day(day), microseconds(self.cut)), self.parts[number]
        if not part.whole:
            rows = rows.where((rows.times >= microseconds(part.since)) & (rows.times < microseconds(part.until)))
        if self._given:
            rows = rows.where(passing(rows, self._given, self.actions, self.services))
        return Rows(rows, _EMPTY)

    async def _from_log(self, actions: list[Action] | None) -> dict[int, Rows]:
        parts = {number: part for number, part in enumerate(self.parts) if part.day is None}
        if not parts:
            return {}
        condition, values = self.filters.where("log")
        expression, name = self.property
        statement = load(
            "timeline_rows",
            status=STATUS_CODE,
            service=SERVICE,
            counted=COUNTED,
            filters=condition,
            actions=_ANY_ACTION if actions is None else _THESE_ACTIONS,
            property=expression,
        )
        values |= {
            "starts": [part.since for part in parts.values()],
            "ends": [part.until for part in parts.values()],
            "types": [kind for kind, _ in actions or ()],
            "names": [name for _, name in actions or ()],
            "cut": self.cut,
            "most": MOST_ROWS,
            "property": name,
        }
        answer = (await binary(self.connection, statement, values))[0]
        records = await worked(lambda: rows_of_records(answer["records"]))
        refuse_too_many(len(records.columns), self.range, _IN_COLUMNS)
        rows = await worked(partial(self._read_as, records, answer))
        self.properties = {int(number): text for number, text in (answer["properties"] or {}).items()}
        if len(parts) == 1:
            return {next(iter(parts)): rows}
        times = rows.columns.times
        return {
            number: rows.where((times >= microseconds(part.since)) & (times < microseconds(part.until)))
            for number, part in parts.items()
        }

    def _read_as(self, rows: Rows, answer: dict[str, Any]) -> Rows:
        rows = Rows(self._named(effective(rows.columns, microseconds(self.cut)), answer), rows.properties)
        if answer["users"]:  # by the new numbers, users stand in another order; within each the rows keep theirs
            rows = rows.where(np.argsort(rows.columns.users, kind="stable"))
        return rows

    def _named(self, rows: Columns, answer: dict[str, Any]) -> Columns:
        """With numbers of their own for what the timeline has none for, the same in all that this request reads."""
        users = numbered(answer["users"], self.newcomers, lambda: MOST_USERS - 1 - len(self.newcomers))
        actions = numbered(answer["actions"], self.actions, lambda: max(self.actions, default=0) + 1)
        services = numbered(answer["services"], self.services, lambda: max(self.services, default=0) + 1)
        return Columns(
            renumbered(rows.users, users),
            rows.times,
            renumbered(rows.actions, actions),
            rows.statuses,
            renumbered(rows.services, services),
        )

    async def _of_whole_days(self, wanted: list[Wanted], group: str | None, numbers: Container[int]) -> list[Hits]:
        """The rows of each of `wanted` in the days of the timeline that are parts as a whole."""
        days = {
            part.day.day: (part.day.built_at, number)
            for number, part in enumerate(self.parts)
            if part.day is not None and part.whole and number in numbers
        }
        asked = tuple(sorted(self._given.items())), group, tuple(days.items())
        cut = self.cut if self._given.get("result_status") in _CHANGING or group == "result_status" else None
        keys = [(one, cut or (one.result_status in _CHANGING and self.cut), *asked) for one in wanted]

        async def read(missing: list[Any]) -> dict[Any, Hits]:
            ones = [key[0] for key in missing]
            more = bool({"result_status", "service_name"} & (self._given.keys() | {group}))
            more = more or any(one.result_status for one in ones)
            actions = {action for one in ones for action in one.actions}
            ids = [number for number, action in self.actions.items() if action in actions]
            versions = {day: version for day, (version, _) in days.items()}
            stored = await Stored(self.connection, self.memory).blocks(ids, versions, more=more)
            blocks = [(days[block["day"]][1], block) for block in stored]
            passes = partial(passing, given=self._given, actions=self.actions, services=self.services)
            pick = partial(picked_of_blocks, ones, blocks, self.actions, group, microseconds(self.cut))
            hits = await worked(partial(pick, passes if self._given else None))
            return dict(zip(missing, hits, strict=True))

        found = await self.memory.obtain(keys, read)
        return [found[key] for key in keys]
