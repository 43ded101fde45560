"""Who can read what is in the quarantine: the room that decodes such records registers itself, so that this one need not know it.

An entry point of the group ``prelude.readers`` names a callable that takes the service's catalogue files and gives a `Reader`.
"""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol

from prelude_otel.errors import PreludeError, StoreError
from prelude_store.batch import Batch
from prelude_store.quarantine.keep import ROW_SIGNAL
from prelude_store.row import ActivityRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Reader", "RowReader", "UnreadableError", "reader_of"]

_READERS: Final = "prelude.readers"
_TUPLES: Final = ("tags", "personal_paths")


class UnreadableError(PreludeError):
    """An entry's bytes are no record that could be read again."""


class Reader(Protocol):
    """Reads payloads of the signals that it knows."""

    signals: frozenset[str]

    def batch(self, signal: str, payload: bytes) -> Batch:
        """What the payload holds now; what still can't become a row stands in ``quarantined``.

        Raises:
            UnreadableError: it is no such payload.
        """

    def readable(self, signal: str, payload: bytes) -> Any:
        """The payload for a person: maps, lists, texts and numbers that JSON can hold.

        Raises:
            UnreadableError: it is no such payload.
        """

    def rewritten(self, signal: str, payload: bytes, change: Callable[[str], str]) -> bytes:
        """The same payload with every text in it as `change` has it.

        Raises:
            UnreadableError: it is no such payload.
        """


class RowReader:
    """Reads the one signal of this room's own: a row as JSON."""

    signals = frozenset({ROW_SIGNAL})

    def batch(self, signal: str, payload: bytes) -> Batch:  # noqa: ARG002 (the protocol's signature)
        """A batch of the one row."""
        fields = self.readable(ROW_SIGNAL, payload)
        try:
            lists = {name: tuple(fields[name]) for name in _TUPLES if fields[name] is not None}
            row = ActivityRow(**fields | lists | {"content_hash": bytes.fromhex(fields["content_hash"])})
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(f"it is no row of this version: {error}") from None
        return Batch(rows=[row])

    def readable(self, signal: str, payload: bytes) -> Any:  # noqa: ARG002
        """The row's fields."""
        try:
            fields = json.loads(payload)
        except ValueError as error:
            raise UnreadableError(f"it is no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise UnreadableError("it is no JSON object")
        return fields

    def rewritten(self, signal: str, payload: bytes, change: Callable[[str], str]) -> bytes:  # noqa: ARG002
        """The row with its texts changed; JSON within them, too."""
        try:
            return json.dumps(_rewritten(json.loads(payload), change)).encode()
        except ValueError as error:
            raise UnreadableError(f"it is no JSON: {error}") from None


class _Readers:
    """All readers as one."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = {signal: reader for reader in readers for signal in reader.signals}
        self.signals = frozenset(self._readers)

    def batch(self, signal: str, payload: bytes) -> Batch:
        return self._of(signal).batch(signal, payload)

    def readable(self, signal: str, payload: bytes) -> Any:
        return self._of(signal).readable(signal, payload)

    def rewritten(self, signal: str, payload: bytes, change: Callable[[str], str]) -> bytes:
        """By the one who reads it; what nobody can read is text all the same."""
        try:
            return self._of(signal).rewritten(signal, payload, change)
        except UnreadableError:
            return change(payload.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _of(self, signal: str) -> Reader:
        reader = self._readers.get(signal)
        if reader is None:
            raise UnreadableError(f"nothing that is installed here reads the signal {signal!r}")
        return reader


def _rewritten(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_rewritten(one, change) for one in value]
    if isinstance(value, dict):
        return {change(name): _rewritten(one, change) for name, one in value.items()}
    return value


def reader_of(catalogues: Sequence[Path] = (), *, at_hand: bool = False) -> Reader:
    """The readers that are registered, and this room's own, as one.

    Args:
        catalogues: catalogue files of the services, as the exporter is given them.
        at_hand: those that can be loaded will do; what only others read is unreadable.

    Raises:
        StoreError: one can't be loaded.
        CatalogueError: a catalogue file is wrong.
    """
    readers: list[Reader] = [RowReader()]
    for entry_point in entry_points(group=_READERS):
        try:
            made = entry_point.load()
        except ModuleNotFoundError as error:
            if at_hand:
                continue
            raise StoreError(
                f"{entry_point.name} can't be read without {error.name!r}: pip install 'prelude-otel[exporter]'"
            ) from error
        readers.append(made(catalogues))
    return _Readers(readers)
