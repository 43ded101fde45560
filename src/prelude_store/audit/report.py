"""A report from its first question to its last byte: what is asked when, and what is shown of the answers. It does no I/O."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from prelude_store.audit import questions
from prelude_store.audit.asked import Asked
from prelude_store.audit.gone import Gone
from prelude_store.audit.questions import COLUMNS, Question
from prelude_store.audit.seal import Seal
from prelude_store.audit.tally import Looks, Tally

__all__ = ["Act", "Format", "Row", "Steps", "steps"]

Row: TypeAlias = dict[str, Any]
"""Columns of the log by name, and ``sealed``."""
Act: TypeAlias = dict[str, Any]
Steps: TypeAlias = Generator[Question | bytes, list[tuple[Any, ...]] | None, None]
"""Gives bytes, and questions; is sent the answer to each question."""

_COUNTED: Final = 50_000
"""Rows that one question counts: about a tenth of a second."""
_SHOWN: Final = 500
"""Rows that are written in one go: about 15 ms of a page, while nobody else is served."""
_ACTS: Final = 500
_STRETCH: Final = timedelta(days=7)
_FIRST_ID: Final = UUID(int=0)


class Format(Protocol):
    """What makes bytes of a report, in this order. Each may give nothing."""

    @property
    def most(self) -> int | None:
        """How many rows it shows; None: all."""

    def head(self, asked: Asked, seal: Seal, database: str) -> bytes:
        """What it is about; comes at once."""

    def summary(self, seal: Seal, tally: Tally, gone: Gone) -> bytes:
        """Counts, what seals say of them, and what is not there any more."""

    def looks(self, looks: Looks) -> bytes:
        """Who looked at what; where it is asked for."""

    def acts(self, acts: list[Act], *, first: bool, last: bool) -> bytes:
        """Some acts."""

    def acts_unknown(self) -> bytes:
        """Acts name people by keyed hashes, and this login may not know the one of the person."""

    def rows(self, rows: list[Row], *, first: bool) -> bytes:
        """Some rows, oldest first."""

    def end(self, shown: int, tally: Tally) -> bytes:
        """Behind the last row."""


def steps(asked: Asked, shape: Format) -> Steps:
    """The report: rows that were committed when it began, of the period and the subject, oldest first."""
    ((database, committed, sealed, *state),) = yield from _ask(questions.begun())
    seal = Seal(*state)
    lanes = {"committed": _by_lane(committed), "sealed": _by_lane(sealed)}
    yield shape.head(asked, seal, database)
    tally = yield from _counted(asked, lanes)
    ((*gone,),) = yield from _ask(questions.gone(asked))
    yield shape.summary(seal, tally, Gone(*gone))
    yield from _acts(asked, lanes, shape)
    if asked.reads:
        yield shape.looks((yield from _looked(asked, lanes)))
    shown = yield from _rows(asked, lanes, shape)
    yield shape.end(shown, tally)


def _ask(question: Question) -> Generator[Question | bytes, list[tuple[Any, ...]] | None, list[tuple[Any, ...]]]:
    answer = yield question
    return answer or []


def _counted(asked: Asked, lanes: Row) -> Generator[Question | bytes, list[tuple[Any, ...]] | None, Tally]:
    tally, place = Tally(), _first(asked, lanes, _COUNTED)
    while True:
        answer = yield from _ask(questions.counts(asked, place))
        for line in answer:
            tally.add(line[3:])
        if not answer or answer[0][0] < _COUNTED:
            return tally
        place |= {"at": answer[0][1], "id": answer[0][2]}


def _looked(asked: Asked, lanes: Row) -> Generator[Question | bytes, list[tuple[Any, ...]] | None, Looks]:
    looks, since = Looks(), asked.since
    while since < asked.until:
        until = min(since + _STRETCH, asked.until)
        for line in (yield from _ask(questions.reads(asked, {**lanes, "from": since, "to": until}))):
            looks.add(line)
        since = until
    return looks


def _acts(asked: Asked, lanes: Row, shape: Format) -> Steps:
    subject = asked.subject
    if subject.entity_type is not None or subject.service_name is not None:
        return  # acts are about people, or the whole log
    if subject.user_email is not None and asked.person is None:
        yield shape.acts_unknown()
        return
    after, first = 0, True
    while True:
        answer = yield from _ask(questions.acts(asked, {**lanes, "after": after, "limit": _ACTS}))
        names = ("id", "at", "kind", "actor", "reason", "detail", "sealed")
        last = len(answer) < _ACTS
        yield shape.acts([dict(zip(names, line, strict=True)) for line in answer], first=first, last=last)
        if last:
            return
        after, first = answer[-1][0], False


def _rows(asked: Asked, lanes: Row, shape: Format) -> Generator[Question | bytes, list[tuple[Any, ...]] | None, int]:
    place, shown, first = _first(asked, lanes, _SHOWN), 0, True
    names = (*COLUMNS, "sealed")
    while True:
        answer = yield from _ask(questions.rows(asked, place))
        found = [dict(zip(names, line[3:], strict=True)) for line in answer if line[3] is not None]
        shown += len(found)
        yield shape.rows(found, first=first)
        first = False
        if shape.most is not None and shown >= shape.most:
            return shown
        if not answer or answer[0][0] < _SHOWN:
            return shown
        place |= {"at": answer[0][1], "id": answer[0][2]}


def _first(asked: Asked, lanes: Row, limit: int) -> Row:
    before = max(asked.since - timedelta(microseconds=1), datetime.min.replace(tzinfo=UTC))
    return {**lanes, "at": before, "id": _FIRST_ID, "limit": limit}


def _by_lane(seqs: dict[str, int] | None) -> list[int]:
    """An array in which the last number of a lane stands at the lane's own."""
    known = {int(lane): seq for lane, seq in (seqs or {}).items()}
    return [known.get(lane, 0) for lane in range(1, max(known, default=0) + 1)]
