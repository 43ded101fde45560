"""A dossier from its question to its bytes: one snapshot of the database, streamed with constant memory."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from psycopg import IsolationLevel

from prelude_otel.catalogue import builtin
from prelude_otel.errors import StoreError
from prelude_store import migrations
from prelude_store.connection import connect
from prelude_store.dossier.archive import Archive
from prelude_store.dossier.entries import naming_entries, write_entries
from prelude_store.dossier.kept import kept_for
from prelude_store.dossier.named import NamedRows
from prelude_store.dossier.page import page
from prelude_store.dossier.parts import EMAIL, KEY, PARTS
from prelude_store.dossier.tables import write_csv, write_ndjson
from prelude_store.dossier.words import PURPOSES, PURPOSES_UNSAID

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from prelude_otel.catalogue import Catalogue
    from prelude_store.connection import Connection
    from prelude_store.mentions.person import Person
    from prelude_store.quarantine.reader import Reader

__all__ = ["Dossier", "NothingHeldError", "open_dossier"]

_ASK: Final = "SELECT set_config(%s, %s, false), set_config(%s, public.prelude_key(%s), false)"
_STOP_WITHIN: Final = 5.0
"""Seconds."""
_HELD: Final = "SELECT EXISTS (SELECT FROM ({question}) AS part)"


class NothingHeldError(StoreError):
    """Nothing at all is held on the person."""


def open_dossier(
    conninfo: str,
    address: Person,
    reader: Reader,
    *,
    catalogue: Catalogue | None = None,
    with_others: bool = False,
    application_name: str = "prelude-export",
    progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> Dossier:
    """Look what is held on `address`, and stand ready to hand it out.

    Args:
        conninfo: a login that is a member of ``prelude_governor``, or of ``prelude_reader`` and ``prelude_access``.
        reader: decodes what is in quarantine.
        catalogue: of the services: tells which fields are personal; by default the reference's.
        with_others: show who else is in rows that name the person. Without it they stay unnamed: they have a right to that.
        progress: told what is being done, how much of it is, and of how much.

    Raises:
        NothingHeldError: there is nothing.
        StoreUnavailableError: the database can't be reached.
        psycopg.errors.InsufficientPrivilege: the login may not see all of it.
    """
    with ExitStack() as until_it_is_open:
        connection = until_it_is_open.enter_context(
            connect(
                conninfo, application_name, jit="off", statement_timeout="0", idle_in_transaction_session_timeout="120s"
            )
        )
        migrations.check(connection)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.autocommit = False
        connection.execute(_ASK, [EMAIL, address.email, KEY, address.email])
        named = NamedRows(address, builtin() if catalogue is None else catalogue, whole=with_others)
        until_it_is_open.callback(named.close)
        named.find(connection, lambda done, of: progress("looking for who names them", done, of))
        if not (
            named.rows
            or any(_any(connection, part.question) for part in PARTS)
            or next(naming_entries(connection, address, reader), None)
        ):
            raise NothingHeldError(f"nothing is held on {address.email}")
        return Dossier(connection, address, reader, named, until_it_is_open.pop_all(), progress)
    raise AssertionError


class Dossier:
    """A dossier that is ready to be read, once; made by `open_dossier`.

    Attributes:
        made_at: the moment whose state it shows.
    """

    def __init__(
        self,
        connection: Connection,
        address: Person,
        reader: Reader,
        named: NamedRows,
        resources: ExitStack,
        progress: Callable[[str, int, int], None],
    ) -> None:
        self._connection = connection
        self._address = address
        self._reader = reader
        self._named = named
        self._resources = resources
        self._progress = progress
        self.made_at = datetime.now(UTC)
        self._archive = Archive(self.made_at)

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has that was written by now."""
        return {
            file.name.removesuffix(".ndjson"): file.rows or 0
            for file in self._archive.files
            if file.name.endswith(".ndjson")
        }

    def stop(self) -> None:
        """Have the database give up what it is at; from any thread. Who reads gets an error, and is to close it."""
        self._connection.cancel_safe(timeout=_STOP_WITHIN)

    def close(self) -> None:
        """Let the database go; whatever is not read by then is not read any more."""
        self._resources.close()

    def __iter__(self) -> Generator[bytes, None, None]:
        """The zip, part after part; closes at its end, and where the reader stops."""
        try:
            steps = 2 * len(PARTS) + 2
            titles = {}
            for number, part in enumerate(PARTS):
                titles[part.name] = part.title
                self._progress(part.title, 2 * number, steps)
                asked = (self._connection, self._archive)
                yield from write_ndjson(*asked, f"{part.name}.ndjson", part.question)
                self._progress(part.title, 2 * number + 1, steps)
                yield from write_csv(*asked, f"{part.name}.csv", part.question)
            yield from self._named.write(self._archive)
            titles["named"] = "What others did that names you"
            self._progress("quarantine", steps - 1, steps)
            yield from write_entries(self._connection, self._archive, self._address, self._reader)
            titles["quarantine"] = "Records that could not be stored as activities"
            self._about(titles)
            yield from self._archive.finished()
            self._progress("done", steps, steps)
        finally:
            self.close()

    def _about(self, titles: dict[str, str]) -> None:
        purposes = os.environ.get(PURPOSES) or PURPOSES_UNSAID
        kept = kept_for(self._connection)
        files = list(self._archive.files)
        with self._archive.file("index.html") as entry:
            entry.write(page(self._address.email, self.made_at, files, titles, purposes, kept))
        manifest = {
            "format": "prelude dossier 1",
            "person": self._address.email,
            "made_at": self.made_at.isoformat(),
            "purposes": purposes,
            "kept": kept,
            "files": [file._asdict() for file in self._archive.files],
        }
        with self._archive.file("manifest.json") as entry:
            entry.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n")


def _any(connection: Connection, question: str) -> bool:
    row = connection.execute(_HELD.replace("{question}", question).encode()).fetchone()
    return bool(row and row[0])
