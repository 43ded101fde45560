"""What goes over the socket: text frames of JSON. Each is made once, for all who get the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_analytics.cursors import Watermark
from prelude_analytics.live.texts import json_text

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_analytics.live.entry import Entry
    from prelude_store.tail import Cursor

__all__ = ["FRAME_BYTES", "Frame", "Tick", "frames", "heartbeat", "missed", "refusal"]

FRAME_BYTES: Final = 128 * 1024
"""A frame is closed before it grows beyond this."""


class Frame(NamedTuple):
    """One frame.

    Args:
        data: JSON in UTF-8.
        size: rows and amendments in it.
        cursor: a client that has read it goes on from here.
        born: when the transaction of the oldest row of its tick began, by the clock of the loop; None where its lag is the client's own.
    """

    data: bytes
    size: int
    cursor: str
    born: float | None = None


class Tick:
    """What one poll found, in the order of lanes and numbers.

    Attributes:
        before: cursor before it.
        after: cursor behind it.
        cut: pending rows from before it read as timeout.
        born: when the transaction of its oldest row began, by the clock of the loop; None where there is no row, or nobody needs to know.
        size: bytes, nearly.
    """

    __slots__ = ("_token", "after", "before", "born", "cut", "entries", "size")

    def __init__(
        self, entries: Sequence[Entry], before: Cursor, after: Cursor, cut: datetime, born: float | None = None
    ) -> None:
        self.entries = entries
        self.before = before
        self.after = after
        self.cut = cut
        self.born = born
        self.size = sum(entry.size for entry in entries)
        self._token: str | None = None

    @property
    def token(self) -> str:
        """`after` as clients see it."""
        if self._token is None:
            self._token = Watermark(self.after, self.cut).token
        return self._token

    def token_behind(self, entry: Entry) -> str:
        """The cursor of one who has got all up to `entry`."""
        lanes = {
            lane: seq if lane < entry.lane else self.before.get(lane, 0)
            for lane, seq in self.after.items()
            if lane != entry.lane
        }
        return Watermark({**lanes, entry.lane: entry.seq}, self.cut).token


def frames(tick: Tick, entries: Sequence[Entry], born: float | None = None) -> Iterator[Frame]:
    """The frames of those `entries` of `tick` that belong to somebody; cursors behind what does not belong are passed over.

    Args:
        born: of the frames.
    """
    portion: list[Entry] = []
    size = 0
    for entry in entries:
        if portion and size + len(entry.payload) > FRAME_BYTES:
            yield _frame(portion, tick.token_behind(portion[-1]), born)
            portion, size = [], 0
        portion.append(entry)
        size += len(entry.payload) + 1
    if portion:
        yield _frame(portion, tick.token, born)


def heartbeat(cursor: str, as_of: datetime) -> Frame:
    """Nothing that belongs to the client has come up to `cursor`, as was seen at `as_of`."""
    return _message(cursor, {"type": "heartbeat", "cursor": cursor, "as_of": as_of})


def missed(count: int, cursor: str) -> Frame:
    """So many rows and amendments were not sent; who connects with `cursor` gets them."""
    return _message(cursor, {"type": "missed", "missed": count, "cursor": cursor})


def refusal(title: str, detail: str, status: int) -> Frame:
    """Why the socket closes now."""
    return _message("", {"type": "error", "status": status, "title": title, "detail": detail})


def _frame(entries: Sequence[Entry], cursor: str, born: float | None) -> Frame:
    rows = b",".join([entry.payload for entry in entries if not entry.amends])
    amendments = b",".join([entry.payload for entry in entries if entry.amends])
    data = b'{"type":"rows","rows":[%b],"amendments":[%b],"cursor":"%b"}' % (rows, amendments, cursor.encode())
    return Frame(data, len(entries), cursor, born)


def _message(cursor: str, content: dict[str, object]) -> Frame:
    return Frame(json_text(content), 0, cursor)
