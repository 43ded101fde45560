"""A list of visits, page by page: by address, and those of one person in the order of time.

A visit may get earlier and later rows between two pages, and a day may be read from elsewhere. So a page goes on with the visits that begin
more than a pause behind the end of the last one: that one is not listed again, however it grows, and of those that are still to come none is
passed over unless it has become one with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from prelude_analytics.answers.visits import RowAt, visit_of, visits_of
from prelude_analytics.timeline.places import Behind, behind
from prelude_analytics.timeline.work import worked
from prelude_store.mentions.content import ERASED
from prelude_store.timeline.moments import microseconds

if TYPE_CHECKING:
    from prelude_analytics.answers.lives import Sequence
    from prelude_analytics.answers.paths import Located
    from prelude_analytics.timeline.load import Timeline

__all__ = ["Key", "VisitList"]

_SECOND_US: Final = 1_000_000


class Key(NamedTuple):
    """What visits are listed by. `person` tells apart whose addresses were forgotten, while their days are not made anew yet."""

    email: str
    person: int
    row: RowAt


class VisitList:
    """Visits behind one figure.

    Args:
        sequences: all rows, stretch by stretch.
        gap: seconds without an activity that a visit outlasts.
        at: where each of the visits came by.
        emails: of all whose visits they are, by number.

    Attributes:
        keys: of the visits, as `at` has them.
    """

    def __init__(
        self, timeline: Timeline, sequences: list[Sequence], gap: int, at: Located, emails: Mapping[int, str]
    ) -> None:
        self._timeline = timeline
        self._sequences = sequences
        self._gap = gap
        self._users: list[int] = at.users.tolist()
        rows = zip(at.stretches.tolist(), at.offsets.tolist(), strict=True)
        self.keys = [
            Key(emails[user], 0, row) if user in emails else Key(ERASED, user, row)
            for user, row in zip(self._users, rows, strict=True)
        ]

    async def page(self, place: Behind | None, limit: int) -> tuple[list[int], bool]:
        """The numbers of the next visits, `limit` at most, and whether there are more."""
        if place is None:
            following = list(range(len(self.keys)))
        else:
            after = place.email, place.person
            following = [number for number, key in enumerate(self.keys) if key[:2] > after]
            theirs = [number for number, key in enumerate(self.keys) if key[:2] == after]
            following += await self._later(theirs, place.ended + self._gap * _SECOND_US)
        following.sort(key=self.keys.__getitem__)
        return following[:limit], len(following) > limit

    async def cursor(self, number: int, asked: str) -> str:
        """The cursor behind a visit.

        Args:
            asked: digest of the question.
        """
        key = self.keys[number]
        visits = await worked(lambda: visits_of(self._users[number], self._sequences, self._gap))
        ended = await self._at(visit_of(key.row, visits).last)
        return behind(self._timeline, asked, key.email, person=key.person, ended=ended)

    async def time(self, rows: Located, number: int) -> int:
        """When one of `rows` was, in microseconds."""
        return await self._at((int(rows.stretches[number]), int(rows.offsets[number])))

    async def _later(self, numbers: list[int], moment: int) -> list[int]:
        """Those of one person's visits that begin behind `moment`."""
        if not numbers:
            return []
        visits = await worked(lambda: visits_of(self._users[numbers[0]], self._sequences, self._gap))
        return [
            number for number in numbers if await self._is_behind(visit_of(self.keys[number].row, visits).first, moment)
        ]

    async def _is_behind(self, row: RowAt, moment: int) -> bool:
        """Whether `row` is later than `moment`: in most cases its stretch tells."""
        part = self._timeline.parts[row[0]]
        since, until = microseconds(part.since), microseconds(part.until)
        if since > moment or until <= moment:
            return since > moment
        return await self._at(row) > moment

    async def _at(self, row: RowAt) -> int:
        stretch, offset = row
        return int((await self._timeline.times_of(stretch, np.array([offset])))[0])
