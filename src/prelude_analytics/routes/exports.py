"""Everything that filters find, as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from prelude_analytics.access import Caller, Calls, restrict
from prelude_analytics.answers.export import Lines, csv_lines, exported, ndjson_lines
from prelude_analytics.answers.rows import Wanted, first_place
from prelude_analytics.asking import asked, cut_now
from prelude_analytics.cursors import Watermark
from prelude_analytics.database import Database, Reads
from prelude_analytics.routes.activities import AsOfQuery
from prelude_analytics.sources import newest_ahead, rows_kept_from, watermark_of_rows
from prelude_analytics.streamed import Streamed

__all__ = ["router"]

router = APIRouter(tags=["export"])


@router.get("/export.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
async def get_export_csv(
    query: Annotated[AsOfQuery, Query()], caller: Calls, database: Reads, request: Request
) -> StreamingResponse:
    """Activities as CSV, newest first. A text that a spreadsheet would take for a formula has an apostrophe before it."""
    return await _streamed(query, caller, database, request, csv_lines, "text/csv; charset=utf-8")


@router.get(
    "/export.ndjson", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}}
)
async def get_export_ndjson(
    query: Annotated[AsOfQuery, Query()], caller: Calls, database: Reads, request: Request
) -> StreamingResponse:
    """Activities as NDJSON, one JSON object a line, newest first."""
    return await _streamed(query, caller, database, request, ndjson_lines, "application/x-ndjson")


async def _streamed(
    query: AsOfQuery, caller: Caller, database: Database, request: Request, lines: Lines, media_type: str
) -> StreamingResponse:
    now = datetime.now(UTC)
    filters = restrict(caller, query.filters())
    among = query.range(now)
    watermark = None if query.as_of is None else Watermark.read(query.as_of)
    async with database.read() as connection:
        among = among.reaching(await newest_ahead(connection, among.to))
        if watermark is None:
            watermark, _ = await watermark_of_rows(connection, cut_now(request.app.state.settings, now))
        kept_from = await rows_kept_from(connection, filters, among.from_, among.to)
    wanted = Wanted(filters, among.to, first_place(watermark, among.from_, among.to, asked(query, filters)))
    content = exported(database, wanted, lines)
    begun = await anext(content)
    name = f"activities-{now:%Y%m%dT%H%M%SZ}.{'csv' if lines is csv_lines else 'ndjson'}"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "prelude-as-of": watermark.token,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    if kept_from is not None:
        headers["prelude-rows-kept-from"] = kept_from.isoformat()
    return Streamed(begun, content, media_type, headers)
