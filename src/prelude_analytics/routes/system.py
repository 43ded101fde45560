"""The service itself: how the log fares, and the quarantine."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from prelude_analytics.access.caller import Governs, Operates
from prelude_analytics.answers.system import System, system
from prelude_analytics.asking import LimitQuery
from prelude_analytics.care import Care, Cares
from prelude_analytics.database import Reads
from prelude_analytics.parameters import ParameterError
from prelude_store.quarantine.entries import Selection, State

__all__ = [
    "Number",
    "Quarantine",
    "QuarantineQuery",
    "QuarantineRecord",
    "Replay",
    "opened",
    "quarantine_shown",
    "replayed",
    "router",
]

router = APIRouter(tags=["system"])

_STATES: Final = get_args(State)
_MOST_ID: Final = 2**63 - 1
Number = Annotated[int, Path(description="The entry's id.", ge=1, le=_MOST_ID)]


class QuarantineQuery(LimitQuery):
    """Parameters of the list of the quarantine."""

    reason: str | None = Field(None, description="Only entries with this reason.", max_length=500)
    state: str = Field(
        default="waiting", description="Not replayed yet, replayed, or both.", json_schema_extra={"enum": [*_STATES]}
    )
    before: int | None = Field(None, ge=1, le=_MOST_ID, description="Only older ones than this entry: `next_before`.")


class QuarantineEntry(BaseModel):
    """A record that could not become a row, without its bytes."""

    id: int
    received_at: datetime
    signal: str = Field(description="How it came: `logs`, `traces`, or `row`.")
    reason: str
    detail: str
    size: int = Field(description="Bytes of the record.")
    replayed_at: datetime | None


class Quarantine(BaseModel):
    """Entries of the quarantine."""

    items: list[QuarantineEntry] = Field(description="Newest first.")
    next_before: int | None = Field(description="For `before`: what comes behind. Null at the end.")


class QuarantineRecord(QuarantineEntry):
    """An entry with its record."""

    record: Any = Field(description="The record, decoded; null where it can't be.")
    unreadable: str | None = Field(description="Why it can't be decoded.")


class Replay(BaseModel):
    """What became of an entry that was tried again."""

    became: Literal["row", "known", "erased", "stayed", "unreadable"] = Field(
        description="A row; a row that was there already; nothing, since its person was erased; it stays, with the reason of today; its bytes are no"
        " record."
    )
    entry: QuarantineEntry


@router.get("/system")
async def get_system(caller: Operates, care: Cares, database: Reads, request: Request) -> System:  # noqa: ARG001 (it lets in)
    """How the log fares: lags, rates, what waits, how fresh the figures are, partitions, the exporter."""
    waiting, told = await care.waiting() if care else None, await request.app.state.exporter.look()
    async with database.read() as connection:
        return await system(connection, waiting, told)


@router.get("/quarantine")
async def get_quarantine(query: Annotated[QuarantineQuery, Query()], caller: Operates, care: Cares) -> Quarantine:  # noqa: ARG001
    """Records that could not become rows, with their reasons."""
    return await quarantine_shown(care, query)


@router.get("/quarantine/{number}")
async def get_quarantine_entry(number: Number, caller: Governs, care: Cares) -> QuarantineRecord:  # noqa: ARG001
    """One of them, decoded."""
    return await opened(care, number)


@router.post("/quarantine/{number}/replay")
async def replay_quarantine_entry(number: Number, caller: Governs, care: Cares) -> Replay:  # noqa: ARG001
    """Try it again, after what was wrong is mended; it becomes exactly its row, once, however often it is tried."""
    return await replayed(care, number)


@router.delete("/quarantine/{number}", status_code=204)
async def discard_quarantine_entry(number: Number, caller: Governs, care: Cares) -> Response:  # noqa: ARG001
    """Delete it for good."""
    await care.discard(number)
    return Response(status_code=204)


async def quarantine_shown(care: Care, query: QuarantineQuery) -> Quarantine:
    """The answer to ``GET /quarantine``.

    Raises:
        ParameterError: there is no such state.
        Problem: 501, the service has no login for it.
    """
    state = next((known for known in _STATES if known == query.state), None)
    if state is None:
        raise ParameterError("state", query.state, f"it is one of {', '.join(_STATES)}")
    if query.reason is not None and "\x00" in query.reason:
        raise ParameterError("reason", query.reason, "it is a text without NUL")
    found = await care.entries(Selection(reason=query.reason, state=state), query.limit, query.before)
    return Quarantine(
        items=[QuarantineEntry(**one._asdict()) for one in found],
        next_before=found[-1].id if len(found) == query.limit else None,
    )


async def opened(care: Care, number: int) -> QuarantineRecord:
    """The answer to ``GET /quarantine/{number}``; errors as `Care.open`."""
    found = await care.open(number)
    return QuarantineRecord(**_entry(found.entry), record=found.record, unreadable=found.unreadable)


async def replayed(care: Care, number: int) -> Replay:
    """The answer to ``POST /quarantine/{number}/replay``; errors as `Care.replay`."""
    done, entry = await care.replay(number)
    found = {"row": done.rows, "known": done.known, "erased": done.erased, "stayed": done.stayed}
    became: Any = next((name for name, count in found.items() if count), "unreadable")
    return Replay(became=became, entry=QuarantineEntry(**_entry(entry)))


def _entry(stored: Any) -> dict[str, Any]:
    values = stored._asdict()
    return {**values, "size": len(values.pop("payload"))}
