"""Cursors of lists of people and visits behind a figure of the timeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from prelude_analytics.cursors import moment, pack, refused, unpack_asked
from prelude_analytics.timeline.query import MOST_DAYS

if TYPE_CHECKING:
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.query import Asked

__all__ = ["Behind", "behind", "continued"]

_DAY: Final = timedelta(days=1)
_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Behind:
    """A place in a list of people by address, or of visits by address and time: what comes behind it.

    The question stays that of the first page, with its range and its limit of what is pending; the answer is of the rows that there are now.

    Attributes:
        email: of the last one of the page.
        person: number of somebody whose address was forgotten, since all of those are listed under the same word; 0 for others.
        ended: when the last visit of the page ended, in microseconds; later ones begin behind it. 0 in lists of people.
        since: where the range of the first page begins.
        until: where it ends.
        cut: pending rows from before it read as timeout.
        asked: digest of the question; a place in one list is none in another.
    """

    email: str
    since: datetime
    until: datetime
    cut: datetime
    asked: str
    person: int = 0
    ended: int = 0

    @property
    def token(self) -> str:
        """For ``cursor``."""
        content = {"email": self.email, "person": self.person, "ended": self.ended, "asked": self.asked}
        among = {"since": self.since.isoformat(), "until": self.until.isoformat(), "cut": self.cut.isoformat()}
        return pack(content | among)

    @classmethod
    def read(cls, token: str, asked: str, parameter: str = "cursor") -> Behind:
        """The place of a token.

        Raises:
            ParameterError: it is none of ours, or was given for another list than `asked`.
        """
        content = unpack_asked(parameter, token, asked, "email", "person", "ended", "since", "until", "cut")
        email, person, ended = content["email"], content["person"], content["ended"]
        try:
            since, until, cut = (moment(content[name]) for name in ("since", "until", "cut"))
        except (TypeError, ValueError, OverflowError):
            raise refused(parameter, token) from None
        numbers = all(type(number) is int and 0 <= number <= _MOST for number in (person, ended))
        if (
            not numbers
            or not isinstance(email, str)
            or "\x00" in email
            or not since < until <= since + MOST_DAYS * _DAY
        ):
            raise refused(parameter, token)
        return cls(email, since, until, cut, asked, person, ended)


def continued(about: Asked, place: Behind | None) -> Asked:
    """The question of the first page, where `place` is of a further one."""
    if place is None:
        return about
    return replace(about, range=replace(about.range, from_=place.since, to=place.until, open=False), cut=place.cut)


def behind(timeline: Timeline, asked: str, email: str, *, person: int = 0, ended: int = 0) -> str:
    """The cursor behind the last one of a page; the other arguments as `Behind` has them."""
    among = timeline.range
    return Behind(email, among.from_, among.to, timeline.cut, asked, person, ended).token
