"""Tokens that a client gives back: the watermark of an answer, and a place in a list."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prelude_analytics.parameters import ParameterError

__all__ = ["Place", "Rank", "SessionPlace", "Watermark", "moment", "pack", "refused", "unpack", "unpack_asked"]

_MOST: Final = 20_000
"""Characters of a token."""
_MOST_LANES: Final = 10_000
_MOST_SEQ: Final = 2**63 - 1
_FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2300, 1, 1, tzinfo=UTC)
_ALLOWED: Final = "it is a token from an earlier answer, given back as it was"


def pack(content: Mapping[str, Any]) -> str:
    """A token: base64url of compact JSON, without padding."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def unpack(parameter: str, token: str, *keys: str) -> dict[str, Any]:
    """What `pack` was given.

    Raises:
        ParameterError: `token` is none of ours, or has other keys.
    """
    try:
        if len(token) > _MOST:
            raise ValueError
        content = json.loads(base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True))
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()  # half a character is no text
    except (ValueError, RecursionError):
        raise ParameterError(parameter, token, _ALLOWED) from None
    if not isinstance(content, dict) or content.keys() != set(keys):
        raise ParameterError(parameter, token, _ALLOWED)
    return content


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far an answer has read: rows, and completions of pending ones, at or below `lanes`.

    Attributes:
        lanes: the last number in each lane.
        cut: pending rows from before it read as timeout.
    """

    lanes: Mapping[int, int]
    cut: datetime

    @property
    def token(self) -> str:
        """For ``as_of``."""
        return pack(self.content())

    @classmethod
    def read(cls, token: str, parameter: str = "as_of") -> Watermark:
        """The watermark of a token.

        Raises:
            ParameterError: it is none of ours.
        """
        return cls.of(parameter, token, unpack(parameter, token, "lanes", "cut"))

    @classmethod
    def of(cls, parameter: str, token: str, content: Any) -> Watermark:
        """The watermark within an unpacked token; errors as `read`."""
        try:
            lanes = {int(lane): seq for lane, seq in content["lanes"].items()}
            cut = moment(content["cut"])
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise ParameterError(parameter, token, _ALLOWED) from None
        if not all(
            0 < lane <= _MOST_LANES and type(seq) is int and 0 <= seq <= _MOST_SEQ for lane, seq in lanes.items()
        ):
            raise ParameterError(parameter, token, _ALLOWED)
        return cls(lanes, cut)

    def content(self) -> dict[str, Any]:
        """For a token."""
        return {"lanes": {str(lane): seq for lane, seq in sorted(self.lanes.items())}, "cut": self.cut.isoformat()}

    def parameters(self) -> dict[str, Any]:
        """For a statement: `cut`, and `seqs`, an array in which the last number of a lane stands at the lane's own."""
        seqs = [self.lanes.get(lane, 0) for lane in range(1, max(self.lanes, default=0) + 1)]
        return {"cut": self.cut, "seqs": seqs}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list of rows, newest first: what comes behind `timestamp` and `event_id`.

    Attributes:
        watermark: of the first page; the others keep to it.
        since: where the range of the first page begins.
        asked: digest of filters and range; a place in one list is none in another.
    """

    watermark: Watermark
    since: datetime
    timestamp: datetime
    event_id: UUID
    asked: str

    @property
    def token(self) -> str:
        """For ``cursor``."""
        content = {"at": self.timestamp.isoformat(), "id": str(self.event_id), "since": self.since.isoformat()}
        return pack(content | {"asked": self.asked, "watermark": self.watermark.content()})

    @classmethod
    def read(cls, token: str, asked: str, parameter: str = "cursor") -> Place:
        """The place of a token.

        Raises:
            ParameterError: it is none of ours, or was given for another list than `asked`.
        """
        content = unpack_asked(parameter, token, asked, "at", "id", "since", "watermark")
        try:
            since, timestamp, event_id = moment(content["since"]), moment(content["at"]), UUID(content["id"])
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ParameterError(parameter, token, _ALLOWED) from None
        return cls(Watermark.of(parameter, token, content["watermark"]), since, timestamp, event_id, asked)


@dataclass(frozen=True, slots=True)
class Rank:
    """A place in a ranking, the highest score first: what comes behind `score` and `key`. Range and watermark are those of the first page."""

    score: int
    key: str
    since: datetime
    until: datetime
    asked: str
    watermark: Watermark

    @property
    def token(self) -> str:
        """For ``cursor``."""
        content = {"score": self.score, "key": self.key, "asked": self.asked}
        among = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return pack(content | among | {"watermark": self.watermark.content()})

    @classmethod
    def read(cls, token: str, asked: str, parameter: str = "cursor") -> Rank:
        """The place of a token; errors as `Place.read`."""
        content = unpack_asked(parameter, token, asked, "score", "key", "since", "until", "watermark")
        score, key = content["score"], content["key"]
        try:
            since, until = moment(content["since"]), moment(content["until"])
        except (TypeError, ValueError, OverflowError):
            raise ParameterError(parameter, token, _ALLOWED) from None
        if type(score) is not int or not 0 <= score <= _MOST_SEQ or not isinstance(key, str) or "\x00" in key:
            raise ParameterError(parameter, token, _ALLOWED)
        return cls(score, key, since, until, asked, Watermark.of(parameter, token, content["watermark"]))


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """A place in a list of sessions, the last begun first, as of the first page's watermark."""

    started_at: datetime
    user_email: str
    session_id: str
    derived: bool
    since: datetime
    asked: str
    watermark: Watermark

    @property
    def token(self) -> str:
        """For ``cursor``."""
        content = {"at": self.started_at.isoformat(), "email": self.user_email, "id": self.session_id}
        among = {"derived": self.derived, "since": self.since.isoformat(), "asked": self.asked}
        return pack(content | among | {"watermark": self.watermark.content()})

    @classmethod
    def read(cls, token: str, asked: str, parameter: str = "cursor") -> SessionPlace:
        """The place of a token; errors as `Place.read`."""
        content = unpack_asked(parameter, token, asked, "at", "email", "id", "derived", "since", "watermark")
        texts = (content["email"], content["id"])
        try:
            started_at, since = moment(content["at"]), moment(content["since"])
        except (TypeError, ValueError, OverflowError):
            raise ParameterError(parameter, token, _ALLOWED) from None
        if (
            not all(isinstance(text, str) and "\x00" not in text for text in texts)
            or type(content["derived"]) is not bool
        ):
            raise ParameterError(parameter, token, _ALLOWED)
        watermark = Watermark.of(parameter, token, content["watermark"])
        return cls(started_at, *texts, content["derived"], since, asked, watermark)


def unpack_asked(parameter: str, token: str, asked: str, *keys: str) -> dict[str, Any]:
    """What `pack` was given for the list `asked`.

    Raises:
        ParameterError: `token` is none of ours, has other keys, or was given for another list.
    """
    content = unpack(parameter, token, "asked", *keys)
    if content["asked"] != asked:
        raise ParameterError(parameter, token, "it was given for other parameters; begin without a cursor")
    return content


def refused(parameter: str, token: str) -> ParameterError:
    """What to raise where `token` is none of ours."""
    return ParameterError(parameter, token, _ALLOWED)


def moment(text: Any) -> datetime:
    """A time with an offset, from ISO 8601, in UTC.

    Raises:
        ValueError: it is none, has no offset, or is of another age.
        TypeError: it is no text.
    """
    read = datetime.fromisoformat(text)
    if read.tzinfo is None or not _FIRST <= read < _LAST:
        raise ValueError
    return read.astimezone(UTC)
