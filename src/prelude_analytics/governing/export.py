"""All that is held on a person, handed out because they asked: the request is done when the last byte has gone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from prelude_analytics.routes.dossier import archive_headers, opened
from prelude_store.dossier import Dossier
from prelude_store.mentions.person import person_of

if TYPE_CHECKING:
    from prelude_analytics.access import Caller
    from prelude_analytics.database import Database
    from prelude_analytics.governing.office import Office
    from prelude_store.governance.requests import Request

__all__ = ["handed_out"]


async def handed_out(office: Office, database: Database, caller: Caller, number: int, email: str) -> StreamingResponse:
    """The zip, for request `number` of the person `email`.

    Raises:
        Problem: 404, nothing is held; 409, the request is closed, or another person's; 429, too many are made at once.
    """
    before = await office.begin_export(caller, number, email)
    content: Any = None
    try:
        content = opened(database, person_of(email), office.catalogues, with_others=False)
        dossier = await anext(content)
    except BaseException as error:
        office.give_back(before, person_of(email).replaced(str(error), "[the person]") or "it was given up")
        raise
    assert isinstance(dossier, Dossier)  # noqa: S101 (for the type checker: it comes first)
    told = _told(office, caller, before, dossier, content)
    return StreamingResponse(told, media_type="application/zip", headers=archive_headers(dossier))


async def _told(
    office: Office, caller: Caller, before: Request, dossier: Dossier, content: AsyncIterator[Any]
) -> AsyncIterator[bytes]:
    digest, size, ended = hashlib.sha256(), 0, False
    try:
        async for part in content:
            digest.update(part)
            size += len(part)
            yield part
        made = {
            "format": "prelude export receipt 1", "person": before.person.hex(), "made_at": dossier.made_at.isoformat(),
            "rows": dossier.rows, "bytes": size, "sha256": digest.hexdigest(),
        }  # fmt: skip
        await office.end_export(caller, before, made)
        ended = True
    finally:
        if not ended:
            office.give_back(before, "the download was broken off")
