"""All that is held on a person, handed out because they asked: the request is done when the last byte has gone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from prelude_analytics.governing.dossiers import archive_headers, opened, parts_of
from prelude_analytics.streamed import Streamed
from prelude_store.mentions.person import person_of

if TYPE_CHECKING:
    from prelude_analytics.access import Caller
    from prelude_analytics.database import Database
    from prelude_analytics.governing.office import Office
    from prelude_store.dossier import Dossier
    from prelude_store.governance.requests import Request

__all__ = ["handed_out"]


async def handed_out(
    office: Office, database: Database, caller: Caller, number: int, email: str, gone: Callable[[], Awaitable[bool]]
) -> Streamed:
    """The zip, for request `number` of the person `email`.

    Args:
        gone: whether who asked has gone away.

    Raises:
        Problem: 404, nothing is held; 409, the request is closed, or another person's; 429, too many are made at once; 499, nobody waits.
    """
    before = await office.begin_export(caller, number, email)
    try:
        dossier = await opened(database, person_of(email), office.catalogues, gone, with_others=False)
    except BaseException as error:
        office.give_back(before, person_of(email).replaced(str(error), "[the person]") or "it was given up")
        raise
    told = _told(office, caller, before, dossier)
    return Streamed(await anext(told), told, "application/zip", archive_headers(dossier))


async def _told(office: Office, caller: Caller, before: Request, dossier: Dossier) -> AsyncGenerator[bytes, None]:
    digest, size, ended = hashlib.sha256(), 0, False
    try:
        async with aclosing(parts_of(dossier)) as parts:
            async for part in parts:
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
