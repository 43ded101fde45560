"""The audit trail of a period, a person, an entity or a service, as a file or a page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Final

from fastapi import APIRouter, Query
from psycopg.rows import tuple_row
from pydantic import Field
from starlette.responses import StreamingResponse

from prelude_analytics.access.caller import Caller, Governs
from prelude_analytics.care import Cares
from prelude_analytics.database import Connection, Database, Reads
from prelude_analytics.filters import Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.ranges import Range, RangeQuery
from prelude_analytics.sources import newest_ahead
from prelude_analytics.streamed import Streamed
from prelude_otel.errors import ConfigurationError
from prelude_store.audit.asked import FORMATS, Asked, Subject, subject
from prelude_store.audit.lines import Csv, Ndjson
from prelude_store.audit.page import Page
from prelude_store.audit.questions import begun
from prelude_store.audit.report import Format, Steps, steps
from prelude_store.audit.run import PLANS
from prelude_store.audit.seal import Seal

__all__ = ["AuditQuery", "Seal", "router", "sealed", "subject_of"]

router = APIRouter(tags=["governance"])

_SUBJECT: Final = ("user_email", "entity_type", "entity_id", "service_name")
_SET: Final = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS given (name, value)"


class AuditQuery(RangeQuery):
    """Parameters of an audit trail: of everybody, or of one person, entity or service."""

    user_email: str | None = Field(None, description="What this person did; the address in any case.")
    entity_type: str | None = Field(None, description="What was done to one thing: its kind; needs `entity_id`.")
    entity_id: str | None = Field(None, description="The thing's id; needs `entity_type`.")
    service_name: str | None = Field(None, description="What one service recorded.")
    reads: bool = Field(
        default=False, description="Also who looked at what in analytics: by reader, route and whose data."
    )
    format: str = Field(
        "html",
        description="`html` is a page that prints well, `csv` is for spreadsheets, `ndjson` for programs.",
        json_schema_extra={"enum": [*FORMATS]},
    )


@router.get(
    "/governance/audit",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in FORMATS.values()}}},
)
async def get_audit(
    query: Annotated[AuditQuery, Query()], caller: Governs, database: Reads, care: Cares
) -> StreamingResponse:
    """Who did what, what was done to the log, and what seals say of it: every row that was committed by then, oldest first.

    Needs the role `govern`. The page has no script, and asks for nothing from elsewhere.
    """
    if query.format not in FORMATS:
        raise ParameterError("format", query.format, f"it is one of {', '.join(FORMATS)}")
    about, now = subject_of(query), datetime.now(UTC)
    among = query.range(now)
    async with database.read() as connection:
        among = among.reaching(await newest_ahead(connection, among.to))
    person = await care.person(about.user_email) if about.user_email is not None and care else None
    asked = _asked(about, among, query, caller, now, person)
    shape: Format = Page(asked) if query.format == "html" else Csv() if query.format == "csv" else Ndjson()
    content = _carried_out(database, steps(asked, shape))
    head = await anext(content)
    name = f"audit-{now:%Y%m%dT%H%M%SZ}.{query.format}"
    shown = "inline" if isinstance(shape, Page) else "attachment"
    headers = {
        "content-disposition": f'{shown}; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    headers |= {"content-security-policy": shape.policy} if isinstance(shape, Page) else {}
    return Streamed(head, content, FORMATS[query.format], headers)


def subject_of(query: AuditQuery) -> Subject:
    """Whose or what trail it is.

    Raises:
        ParameterError: a value is not allowed, or it is of more than one thing.
    """
    given = {name: getattr(query, name) for name in _SUBJECT}
    checked = Filters.read({name: value for name, value in given.items() if value is not None})
    try:
        return subject(checked.user_email, checked.entity_type, checked.entity_id, checked.service_name)
    except ConfigurationError as error:
        name = next(name for name in _SUBJECT if given[name] is not None)
        raise ParameterError(name, given[name], str(error)) from None


def _asked(about: Subject, among: Range, query: AuditQuery, caller: Caller, now: datetime, person: str | None) -> Asked:
    who = f"{caller.acting} (token {caller.token_id}, role {caller.role})"
    return Asked(about, among.from_, among.to, who, now, version("prelude-otel"), among.tz, query.reads, person)


async def sealed(connection: Connection) -> Seal:
    """How far seals are."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(begun().statement.encode())
        ((_, _, _, *state),) = await cursor.fetchall()
        return Seal(*state)


async def _carried_out(database: Database, wanted: Steps) -> AsyncGenerator[bytes, None]:
    """The bytes of a report, as they come; a transaction for each question, and a connection no longer."""
    answer = None
    try:
        while True:
            step = wanted.send(answer)
            answer = None
            if isinstance(step, bytes):
                yield step
                continue
            async with database.read() as connection, connection.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(_SET, [list(PLANS), list(PLANS.values())])
                await cursor.execute(step.statement.encode(), step.parameters)
                answer = await cursor.fetchall()
    except StopIteration:
        return
