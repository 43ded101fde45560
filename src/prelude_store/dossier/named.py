"""What others did that names the person: found in one walk through the log, with a bounded statement for each day.

Of the others themselves nothing is shown, unless it is asked for: their identity, and other addresses beside the person's.
"""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Final

from prelude_store.dossier.parts import ACTIVITY_COLUMNS
from prelude_store.dossier.tables import csv_row
from prelude_store.mentions import json_text
from prelude_store.mentions.anybody import SOMEBODY
from prelude_store.mentions.content import Content, changed_fields, personal_paths, texts
from prelude_store.mentions.json_text import Number
from prelude_store.mentions.search import days_of_log, looks_like, said_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prelude_otel.catalogue import Catalogue
    from prelude_store.connection import Connection
    from prelude_store.dossier.archive import Archive
    from prelude_store.mentions.person import Person

__all__ = ["ANOTHER", "NamedRows"]

ANOTHER: Final = "[another person]"
_WHO: Final = ("user_email", "session_id", "user_agent", "ip_address")
_IN_MEMORY: Final = 8 * 1024 * 1024

_COLUMNS: Final = ", ".join(f'"{column}"' for column in ACTIVITY_COLUMNS)
_QUESTION: Final = f"""
SELECT row_to_json(part)::text FROM (
    SELECT {_COLUMNS} FROM public.user_activity_logs AS log {said_in("log")}
    WHERE log."timestamp" >= %s AND log."timestamp" < %s AND log.user_email IS DISTINCT FROM %s AND {{like}}
) AS part
"""  # noqa: S608 (constants)


class NamedRows:
    """Rows of others that name `address`, kept in a file until they are written twice.

    Args:
        catalogue: tells which fields are personal: in those alone an id is looked for.
        whole: show the others, too.

    Attributes:
        rows: how many there are.
    """

    def __init__(self, address: Person, catalogue: Catalogue, *, whole: bool = False) -> None:
        self._address = address
        self._catalogue = catalogue
        self._whole = whole
        self._lines: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by `close`)
        self.rows = 0

    def find(self, connection: Connection, progress: Callable[[int, int], None]) -> None:
        """Walk through the log.

        Args:
            connection: within one transaction that sees one snapshot.
            progress: told of each day that is done, and of how many there are.
        """
        address = self._address
        like, needles = looks_like(address)
        days = days_of_log(connection)
        for done, day in enumerate(days, 1):
            values = [day, day + timedelta(days=1), address.email, *needles]
            # Row by row as the server finds them; a cursor of the server would forbid it to look with several processes.
            with connection.cursor() as cursor:
                for (text,) in cursor.stream(_QUESTION.replace("{like}", like).encode(), values):
                    self._keep(json_text.read(text))
            progress(done, len(days))

    def close(self) -> None:
        """Forget them."""
        self._lines.close()

    def write(self, archive: Archive) -> Iterator[bytes]:
        """Write ``named.ndjson`` and ``named.csv``; gives what is ready of the archive."""
        for kind, line_of in (("ndjson", _as_it_is), ("csv", _as_csv)):
            with archive.file(f"named.{kind}") as entry:
                entry.rows = self.rows
                if kind == "csv":
                    entry.write(",".join(ACTIVITY_COLUMNS).encode() + b"\n")
                self._lines.seek(0)
                for line in self._lines:
                    entry.write(line_of(line))
                    yield from archive.ready()

    def _keep(self, row: dict[str, Any]) -> None:
        if not self._named(row):
            return
        if not self._whole:
            row = _without_others(row, self._address)
        self._lines.write(json_text.write(row).encode() + b"\n")
        self.rows += 1

    def _named(self, row: dict[str, Any]) -> bool:
        if self._address.within_texts:
            return any(self._address.mentioned(text) for text in texts(row))
        data, result = (row[name] and json_text.write(row[name]) for name in ("action_data", "result_data"))
        content = Content(row["page_url"], row["entity_id"], data, result, row["tags"])
        paths = personal_paths(self._catalogue, row["action_type"], row["action_name"], row["personal_paths"])
        return content != changed_fields(content, paths, lambda value: self._address.replaced(value, ANOTHER))


def _without_others(row: dict[str, Any], address: Person) -> dict[str, Any]:
    """`row` with its acting user withheld, and every address in it but the person's."""
    shown = {name: _masked(value, address) for name, value in row.items()}
    for name in _WHO:
        if row[name] is not None:
            shown[name] = ANOTHER
    return shown


def _masked(value: Any, address: Person) -> Any:
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return SOMEBODY.sub(lambda found: found[0] if address.mentioned(found[0]) else ANOTHER, value)
    if isinstance(value, list):
        return [_masked(one, address) for one in value]
    if isinstance(value, dict):
        return {_masked(name, address): _masked(one, address) for name, one in value.items()}
    return value


def _as_it_is(line: bytes) -> bytes:
    return line


def _as_csv(line: bytes) -> bytes:
    row = json_text.read(line.decode())
    text = io.StringIO()
    cells = [
        json_text.write(cell) if isinstance(cell, dict | list) else cell for cell in map(row.get, ACTIVITY_COLUMNS)
    ]
    csv.writer(text, lineterminator="\n").writerow(csv_row(cells))
    return text.getvalue().encode("utf-8", "backslashreplace")
