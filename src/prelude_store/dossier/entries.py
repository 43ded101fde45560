"""Entries of the quarantine that name a person, decoded where somebody here can read them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from prelude_store.mentions.content import texts
from prelude_store.quarantine.entries import Stored
from prelude_store.quarantine.reader import Reader, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection
    from prelude_store.dossier.archive import Archive
    from prelude_store.mentions.person import Person

__all__ = ["naming_entries", "write_entries"]

_AT_ONCE: Final = 100
_USER: Final = ("user.email", "user_email")
"""Who acts, as an attribute and as a column."""
_QUESTION: Final = "SELECT * FROM public.prelude_naming_entries(%s, %s, %s)"


def naming_entries(connection: Connection, address: Person, reader: Reader) -> Iterator[Stored]:
    """Entries that name `address` in their detail or their record; oldest first."""
    after = 0
    while found := connection.execute(_QUESTION, [address.patterns, after, _AT_ONCE]).fetchall():
        for row in found:
            entry = Stored(*row)
            if _names(entry, address, reader):
                yield entry
        after = found[-1][0]


def _names(entry: Stored, address: Person, reader: Reader) -> bool:
    if not address.within_texts:
        return _acts_in(entry, address, reader)
    if address.mentioned(entry.detail):
        return True
    try:
        said = list(texts(reader.readable(entry.signal, bytes(entry.payload))))
    except UnreadableError:
        return _like(address, bytes(entry.payload).decode("utf-8", "replace"))
    # What the decoder does not show (a field that it does not know) can't be told from a mention.
    raw = bytes(entry.payload).decode("utf-8", "replace")
    return any(address.mentioned(text) for text in said) or (
        _like(address, raw) and not any(_like(address, text) for text in said)
    )


def _acts_in(entry: Stored, person: Person, reader: Reader) -> bool:
    """Whether a record is of what the person did, who is known by an id."""
    try:
        return any(person.mentioned(user) for user in _users(reader.readable(entry.signal, bytes(entry.payload))))
    except UnreadableError:
        return False


def _users(value: Any) -> Iterator[str]:
    """Acting users that stand in a record, in whatever depth."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in _USER and isinstance(one, str | int):
                yield str(one)
            else:
                yield from _users(one)
    elif isinstance(value, list):
        for one in value:
            yield from _users(one)


def _like(address: Person, text: str) -> bool:
    text = text.lower()
    return any(all(needle in text for needle in needles) for needles in address.needles)


def write_entries(connection: Connection, archive: Archive, address: Person, reader: Reader) -> Iterator[bytes]:
    """Write ``quarantine.ndjson``; gives what is ready of the archive."""
    with archive.file("quarantine.ndjson") as file:
        file.rows = 0
        for entry in naming_entries(connection, address, reader):
            fields = entry._asdict() | {"payload": None, "record": _record(entry, reader)}
            del fields["payload"]
            file.write(json.dumps(fields, default=_as_text).encode() + b"\n")
            file.rows += 1
            yield from archive.ready()


def _record(entry: Stored, reader: Reader) -> Any:
    try:
        return reader.readable(entry.signal, bytes(entry.payload))
    except UnreadableError as error:
        return {"can't be read": str(error), "bytes": bytes(entry.payload).decode("utf-8", "backslashreplace")}


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
