"""Reading the parts of a range: from the timeline where it has them, else out of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.cohorts import Moments, edges_are_enough, edges_of
from prelude_analytics.answers.lives import (
    MOST_USERS,
    Hits,
    Runs,
    Sequence,
    keys_of,
    merged,
    runs_of,
    sequence_of,
)
from prelude_analytics.database import Connection
from prelude_analytics.filters import Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.queries import load
from prelude_analytics.ranges import Range
from prelude_analytics.timeline.plan import MOST_ROWS, Built, Part, as_of, plan
from prelude_analytics.timeline.rows import (
    Rows,
    columns_of_block,
    columns_of_day,
    effective,
    rows_of_records,
    runs_of_day,
    sequence_of_day,
)
from prelude_store.timeline.columns import STATUSES, Columns, Ints, ordinals_of
from prelude_store.timeline.moments import EPOCH, microseconds
from prelude_store.timeline.rows import COUNTED, SERVICE, STATUS_CODE

__all__ = ["Action", "Timeline", "Wanted"]

Action = tuple[str, str]
"""Type and name."""

_IN_COLUMNS: Final = frozenset({"action_type", "action_name", "result_status", "service_name"})
"""Filters that the timeline knows."""
_NO_PROPERTY: Final = "NULL::text"
_ANY_ACTION: Final = "true"
_THESE_ACTIONS: Final = (
    "(log.action_type, log.action_name) IN (SELECT * FROM unnest(%(types)s::text[], %(names)s::text[]))"
)
_EMPTY: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that count as one thing: a step, or an exclusion.

    Attributes:
        actions: any of these.
        result_status: as it reads; None: any.
    """

    actions: tuple[Action, ...]
    result_status: str | None = None


@dataclass(slots=True)
class Timeline:
    """A range of the log, for one request; made by `open`.

    Attributes:
        parts: where each stretch comes from.
        as_of: up to when all that committed is in the answer.
        actions: what the numbers of activities mean; complete once rows were read.
        services: as above, of services; 0 is none.
        properties: as above, of the property that was asked for; 0 is none.
        property: SQL of ours that gives it from a row of the log, and what stands in it as a parameter.
        newcomers: addresses of users whom the timeline does not know yet, by number.
    """

    connection: Connection
    range: Range
    filters: Filters
    cut: datetime
    parts: list[Part]
    as_of: datetime
    actions: dict[int, Action] = field(default_factory=dict)
    services: dict[int, str] = field(default_factory=dict)
    properties: dict[int, str] = field(default_factory=dict)
    newcomers: dict[int, str] = field(default_factory=dict)
    property: tuple[str, str | None] = (_NO_PROPERTY, None)
    _read: dict[bool, dict[int, Rows]] = field(default_factory=dict)
    _given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Ask once what is filtered."""
        self._given = self.filters.given

    @classmethod
    async def open(
        cls, connection: Connection, range_: Range, filters: Filters, cut: datetime, *, from_log: bool = False
    ) -> Timeline:
        """Decide where to read what.

        Args:
            cut: pending rows from before read as timeout.
            from_log: read nothing from the timeline.
        """
        cursor = await connection.execute(load("timeline_freshness"))
        fresh = await cursor.fetchone() or {}
        now: datetime = fresh["now"]
        built: dict[date, Built] = {}
        if filters.within(_IN_COLUMNS) and not from_log:
            days = {"first": range_.from_.date(), "last": range_.to.date()}
            rows = await connection.execute(load("timeline_state"), days)
            for row in await rows.fetchall():
                took = timedelta(milliseconds=row["built_ms"])
                built[row["day"]] = Built(row["day"], row["dirty"], row["built_at"], took, row["row_count"])
        parts = plan(range_.from_, range_.to, built, now)
        until = as_of(parts, now, fresh["followed_at"], behind=fresh["behind"])
        timeline = cls(connection, range_, filters, cut, parts, until)
        await timeline._learn_names()
        return timeline

    async def hits(self, wanted: list[Wanted], *, group: str | None = None, strict: bool = False) -> list[Hits]:
        """The rows of each of `wanted`.

        Args:
            group: what the rows are grouped by: ``service_name``, ``result_status`` or ``property``.
            strict: keys also tell which row of a user comes next at all (see `runs`).
        """
        actions = sorted({action for one in wanted for action in one.actions})
        if strict and self._given:  # next among those that the filters let pass: all columns are needed
            rows = await self._rows(whole_days=True)
            return await asyncio.to_thread(self._pick, wanted, [], rows, group)
        rows = await self._rows(None if strict else actions)
        days = {part.day.day: number for number, part in enumerate(self.parts) if part.day is not None and part.whole}
        blocks: list[dict[str, Any]] = []
        ids = [number for number, action in self.actions.items() if action in set(actions) and number >= 0]
        if days and ids:
            named = {"result_status", "service_name"} & (self._given.keys() | {group})
            more = bool(named) or any(one.result_status for one in wanted)
            statement = load("timeline_blocks", more=", statuses, services" if more else "")
            blocks = await self._binary(statement, {"days": list(days), "actions": ids})
            for block in blocks:
                block["stretch"] = days[block["day"]]
        return await asyncio.to_thread(self._pick, wanted, blocks, rows, group)

    async def runs(self) -> list[Runs]:
        """Who was active, stretch by stretch."""
        if self._given:
            rows = await self._rows(whole_days=True)
            return [runs_of(rows[number].columns) for number in range(len(self.parts))]
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
        edges = edges_of([runs_of_day(day) for day in days.values()])
        users = np.concatenate([edges.users, *(some.columns.users for some in rows.values())])
        return Moments(users, np.concatenate([edges.times, *(some.columns.times for some in rows.values())]))

    async def sequences(self) -> list[Sequence]:
        """What was done, stretch by stretch."""
        if self._given:
            rows = await self._rows(whole_days=True)
            return [sequence_of(rows[number].columns) for number in range(len(self.parts))]
        rows = await self._rows()
        days = await self._days("timeline_sequences")
        return [
            sequence_of(rows[number].columns) if number in rows else sequence_of_day(days[number])
            for number in range(len(self.parts))
        ]

    async def seen_before(self, users: Ints) -> Ints:
        """Those of `users` who have a row from before the range that the filters let pass."""
        cursor = await self.connection.execute(load("timeline_complete_before"), {"first": self.range.from_})
        complete = await cursor.fetchone()
        if self._given or complete is None or not complete["complete"]:
            return await self._asked_of_log(users, EPOCH)
        midnight = datetime.combine(self.range.from_.astimezone(UTC).date(), time(), UTC)
        days = await self._binary(load("timeline_known_before"), {"first": midnight.date()})
        known = np.unique(np.concatenate([_EMPTY, *(np.frombuffer(day["users"], dtype="<i4") for day in days)]))
        if midnight == self.range.from_:
            return known
        new = users[~np.isin(users, known)]
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

    async def _learn_names(self) -> None:
        for row in await self._binary(load("timeline_actions"), {}):
            self.actions[row["id"]] = (row["action_type"], row["action_name"])
        for row in await self._binary(load("timeline_services"), {}):
            self.services[row["id"]] = row["service_name"]

    async def _binary(self, statement: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with self.connection.cursor(binary=True) as cursor:
            await cursor.execute(statement, values)
            return await cursor.fetchall()

    async def _days(self, name: str, *, only: list[int] | None = None) -> dict[int, dict[str, Any]]:
        """Days of the timeline that are parts as a whole, or those of `only`, by the number of the part."""
        numbers = {
            part.day.day: number
            for number, part in enumerate(self.parts)
            if part.day is not None and (part.whole if only is None else number in only)
        }
        if not numbers:
            return {}
        rows = await self._binary(load(name), {"days": list(numbers)})
        return {numbers[row["day"]]: row for row in rows}

    async def _rows(self, actions: list[Action] | None = None, *, whole_days: bool = False) -> dict[int, Rows]:
        """Rows of the parts that are not whole days of the timeline (or of all), as they read, and filtered."""
        if actions is None and whole_days in self._read:
            return self._read[whole_days]
        wanted = [n for n, part in enumerate(self.parts) if part.day is not None and (whole_days or not part.whole)]
        found: dict[int, Rows] = {}
        for number, day in (await self._days("timeline_columns", only=wanted)).items():
            found[number] = await asyncio.to_thread(self._filtered, number, day)
        found |= await self._from_log(actions)
        if actions is None:
            self._read[whole_days] = found
        return found

    def _filtered(self, number: int, day: dict[str, Any]) -> Rows:
        rows, part = effective(columns_of_day(day), microseconds(self.cut)), self.parts[number]
        if not part.whole:
            rows = rows.where((rows.times >= microseconds(part.since)) & (rows.times < microseconds(part.until)))
        if self._given:
            rows = rows.where(self._passing(rows.actions, rows.statuses, rows.services))
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
        answer = (await self._binary(statement, values))[0]
        rows = rows_of_records(answer["records"])
        self._refuse_too_many(len(rows.columns))
        rows = Rows(self._named(effective(rows.columns, microseconds(self.cut)), answer), rows.properties)
        if answer["users"]:  # by the new numbers, users stand in another order; within each the rows keep theirs
            rows = rows.where(np.argsort(rows.columns.users, kind="stable"))
        self.properties = {int(number): text for number, text in (answer["properties"] or {}).items()}
        if len(parts) == 1:
            return {next(iter(parts)): rows}
        times = rows.columns.times
        return {
            number: rows.where((times >= microseconds(part.since)) & (times < microseconds(part.until)))
            for number, part in parts.items()
        }

    def _refuse_too_many(self, rows: int) -> None:
        if rows > MOST_ROWS:
            span = f"{self.range.from_.isoformat()} to {self.range.to.isoformat()}"
            raise ParameterError(
                "from",
                span,
                f"this reads more than {MOST_ROWS:,} rows out of the log; take a shorter range (days, or from and to), "
                f"or narrow it by user_email; filters other than {', '.join(sorted(_IN_COLUMNS))} always read the log",
            )

    def _named(self, rows: Columns, answer: dict[str, Any]) -> Columns:
        """With numbers of their own for what the timeline has none for, the same in all that this request reads."""
        users = _numbered(answer["users"], self.newcomers, lambda: MOST_USERS - 1 - len(self.newcomers))
        actions = _numbered(answer["actions"], self.actions, lambda: max(self.actions, default=0) + 1)
        services = _numbered(answer["services"], self.services, lambda: max(self.services, default=0) + 1)
        return Columns(
            _renumbered(rows.users, users),
            rows.times,
            _renumbered(rows.actions, actions),
            rows.statuses,
            _renumbered(rows.services, services),
        )

    def _passing(self, actions: Ints, statuses: Ints, services: Ints) -> NDArray[np.bool_]:
        given = self._given
        passing = np.ones(len(actions), dtype=bool)
        if "action_type" in given or "action_name" in given:
            ids = [
                number
                for number, (kind, name) in self.actions.items()
                if given.get("action_type", kind) == kind and given.get("action_name", name) == name
            ]
            passing &= np.isin(actions, ids)
        if "result_status" in given:
            passing &= statuses == STATUSES.index(given["result_status"])
        if "service_name" in given:
            ids = [number for number, name in self.services.items() if name == given["service_name"]]
            passing &= np.isin(services, ids)
        return passing

    def _pick(
        self, wanted: list[Wanted], blocks: list[dict[str, Any]], rows: dict[int, Rows], group: str | None
    ) -> list[Hits]:
        parts: list[list[Hits]] = [[] for _ in wanted]
        for block in blocks:
            self._pick_of_block(wanted, block, group, parts)
        for stretch, some in rows.items():
            ordinals = ordinals_of(some.columns.users)
            for place, one in enumerate(wanted):
                ids = [number for number, action in self.actions.items() if action in one.actions]
                mask = np.isin(some.columns.actions, ids)
                if one.result_status is not None:
                    mask &= some.columns.statuses == STATUSES.index(one.result_status)
                chosen = some.where(mask)
                keys = keys_of(chosen.columns.users, stretch, ordinals[mask])
                parts[place].append(Hits(keys, chosen.columns.times, _groups(chosen, group)))
        return [merged(some) for some in parts]

    def _pick_of_block(
        self, wanted: list[Wanted], block: dict[str, Any], group: str | None, parts: list[list[Hits]]
    ) -> None:
        rows, ordinals = columns_of_block(block)
        if "statuses" in block:
            rows = effective(rows, microseconds(self.cut))
        if self._given:
            mask = self._passing(rows.actions, rows.statuses, rows.services)
            rows, ordinals = rows.where(mask), ordinals[mask]
        keys = keys_of(rows.users, block["stretch"], ordinals)
        hits = Hits(keys, rows.times, _groups(Rows(rows, _EMPTY), group))
        action = self.actions[block["action_id"]]
        for place, one in enumerate(wanted):
            if action not in one.actions:
                continue
            if one.result_status is None:
                parts[place].append(hits)
            else:
                mask = rows.statuses == STATUSES.index(one.result_status)
                groups = hits.groups[mask] if len(hits.groups) else hits.groups
                parts[place].append(Hits(keys[mask], rows.times[mask], groups))


def _groups(rows: Rows, group: str | None) -> Ints:
    if group == "service_name":
        return rows.columns.services
    if group == "result_status":
        return rows.columns.statuses
    return rows.properties if group == "property" else _EMPTY


def _numbered(new: dict[str, Any] | None, known: dict[int, Any], following: Callable[[], int]) -> dict[int, int]:
    """For each number below 0 of `new` the one that it has in `known`, where it is entered unless it is there."""
    numbers = {value: number for number, value in known.items()} if new else {}
    found = {}
    for text, value in (new or {}).items():
        name = tuple(value) if isinstance(value, list) else value
        if name not in numbers:
            numbers[name] = following()
            known[numbers[name]] = name
        found[int(text)] = numbers[name]
    return found


def _renumbered(codes: Ints, numbers: dict[int, int]) -> Ints:
    if not numbers:
        return codes
    table = np.zeros(len(numbers) + 1, dtype=np.int64)
    for number, there in numbers.items():
        table[-number] = there
    return np.where(codes < 0, table[np.where(codes < 0, -codes, 0)], codes)
