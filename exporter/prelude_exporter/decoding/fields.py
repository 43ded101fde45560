"""The attributes of an activity, one by one: which cell of the record each fills, and how its value is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from prelude_exporter.decoding.readers import Reader, boolean, email, integer, mapping, text_of, texts
from prelude_exporter.decoding.texts import Notes
from prelude_exporter.decoding.values import (
    INTEGER,
    INTEGER_BITS,
    KEY,
    MANY,
    MAP,
    STRING,
    VALUE,
    key_and_place,
    map_in,
    value_in,
)
from prelude_otel.contract import attributes as names

__all__ = ["LONGEST_ACTION_NAME", "LONGEST_PAGE_URL", "Cells", "Fields"]

LONGEST_PAGE_URL: Final = 2000
"""Characters; browsers and servers agree on about as many."""
LONGEST_ACTION_NAME: Final = 200


class Cells(NamedTuple):
    """The attributes of one record that the contract knows, read and cleaned; None where there is none."""

    uid: str | None = None
    user_email: str | None = None
    session_id: str | None = None
    action_type: str | None = None
    action_name: str | None = None
    action_category: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    page_url: str | None = None
    page_route: str | None = None
    user_agent: str | None = None
    ip_address: str | None = None
    action_data: dict[str, Any] | None = None
    result_status: str | None = None
    result_data: dict[str, Any] | None = None
    duration_ns: int | None = None
    span_join: bool | None = None
    tags: tuple[str, ...] | None = None
    completes: str | None = None
    personal_paths: tuple[str, ...] | None = None
    error_type: str | None = None
    http_status: int | None = None
    handler_ran: bool | None = None
    probe_id: str | None = None


class Plain(Enum):
    """Values that need no other reader when they are short; by the tag of their AnyValue."""

    TEXT = STRING
    INTEGER = INTEGER
    MAP = MAP


class _Kind(NamedTuple):
    """How a field's value is read, and what is known of its values.

    Args:
        plain: what is taken as it is when it is short. Not for what repeats.
        repeats: the same from record to record, so that it pays to remember it.
    """

    read: Reader
    plain: Plain | None = None
    repeats: bool = False


class _Field(NamedTuple):
    cell: int
    name: str
    kind: _Kind


_SHORT: Final = 128
"""Text below this many bytes needs no look at its limit, since no limit is smaller; nor has its length a second byte."""


def _text(limit: int) -> _Kind:
    return _Kind(text_of(limit), Plain.TEXT)


def _repeated_text(limit: int) -> _Kind:
    return _Kind(text_of(limit), repeats=True)


_WHOLE: Final = 1_000_000
"""For ids that are hashed: cut, two of them could become one."""

# Lengths in characters. Indexed columns stay far below the 2,704 bytes that an entry of a b-tree may have.
_KINDS: Final[dict[str, tuple[str, _Kind]]] = {
    names.LOG_RECORD_UID: ("uid", _text(_WHOLE)),
    names.USER_EMAIL: ("user_email", _Kind(email, repeats=True)),
    names.SESSION_ID: ("session_id", _repeated_text(200)),
    names.ACTION_TYPE: ("action_type", _repeated_text(_SHORT)),
    names.ACTION_NAME: ("action_name", _repeated_text(LONGEST_ACTION_NAME)),
    names.ACTION_CATEGORY: ("action_category", _repeated_text(200)),
    names.ENTITY_TYPE: ("entity_type", _repeated_text(_SHORT)),
    names.ENTITY_ID: ("entity_id", _text(200)),
    names.PAGE_URL: ("page_url", _text(LONGEST_PAGE_URL)),
    names.PAGE_ROUTE: ("page_route", _repeated_text(500)),
    names.USER_AGENT: ("user_agent", _repeated_text(500)),
    names.CLIENT_ADDRESS: ("ip_address", _repeated_text(_SHORT)),
    names.ACTION_DATA: ("action_data", _Kind(mapping, Plain.MAP)),
    names.RESULT_STATUS: ("result_status", _repeated_text(_SHORT)),
    names.RESULT_DATA: ("result_data", _Kind(mapping, Plain.MAP)),
    names.SPAN_DURATION_NS: ("duration_ns", _Kind(integer, Plain.INTEGER)),
    names.SPAN_JOIN: ("span_join", _Kind(boolean, repeats=True)),
    names.TAGS: ("tags", _Kind(texts, repeats=True)),
    names.COMPLETES: ("completes", _text(_WHOLE)),
    names.PERSONAL: ("personal_paths", _Kind(texts, repeats=True)),
    names.ERROR_TYPE: ("error_type", _repeated_text(200)),
    names.HTTP_STATUS: ("http_status", _Kind(integer, repeats=True)),
    names.HANDLER_RAN: ("handler_ran", _Kind(boolean, repeats=True)),
    names.PROBE_ID: ("probe_id", _text(200)),
}
_FIELDS: Final = {key.encode(): _Field(Cells._fields.index(cell), cell, kind) for key, (cell, kind) in _KINDS.items()}
_BLANK: Final[dict[int, Any]] = dict.fromkeys(range(len(Cells._fields) + 1))
_IGNORED: Final = (len(Cells._fields), None)  # one cell more, which nobody reads
# How a KeyValue begins whose value is short, in the usual encoding: key, length of the value, tag of the value. With it, which
# cell it fills, how long it is as a whole, and of which kind it is.
_SHORT_ONES: Final = {
    b"\n%c%s\x12%c%c" % (len(key), key, size, plain.value): (field.cell, len(key) + size + 4, plain)
    for key, field in _FIELDS.items()
    if (plain := field.kind.plain) is not None
    for size in range(2, 11 if plain is Plain.INTEGER else _SHORT)
}
# How it ends where the value stands before the key, as the Collector writes it.
_KEYS_AFTER: Final = {
    b"\n%c%s" % (len(key), key): (field.cell, field.kind.plain)
    for key, field in _FIELDS.items()
    if field.kind.plain is not None
}
_SHORTEST: Final = 3
"""Where the shortest value stops that has more than its tag."""


_TEXT, _INTEGER = Plain.TEXT, Plain.INTEGER


class Fields:
    """Reads the attributes of records. Attributes that repeat from record to record are answered from memory.

    Args:
        remembered: how many attributes are kept at most; when they are more, it starts anew.
        longest: the longest attribute that is kept, in bytes.
    """

    __slots__ = ("_known",)

    def __init__(self, *, remembered: int = 16_384, longest: int = 512) -> None:
        self._known = _Known(remembered, longest)

    def read(self, attributes: Sequence[bytes], notes: Notes) -> Collection[Any]:
        """The cells, in the order of `Cells` and one more that has no meaning, of a record with these KeyValues.

        Raises:
            ContractError: one of them is no KeyValue.
        """
        known = self._known
        known.notes = notes
        cells = _BLANK.copy()
        # The loop over most attributes, without a step of Python. A slice is a list, which is faster gone through than upb's own.
        cells.update(map(known.__getitem__, attributes[:]))
        return cells.values()


class _Known(dict[bytes, tuple[int, Any]]):
    """Cell and value of each attribute that is known by its bytes; reads those that are not."""

    __slots__ = ("_longest", "_remembered", "notes")

    def __init__(self, remembered: int, longest: int) -> None:
        super().__init__()
        self._remembered = remembered
        self._longest = longest
        self.notes = Notes()

    def __missing__(self, attribute: bytes) -> tuple[int, Any]:  # noqa: C901, PLR0912 (in one piece: a call more shows)
        try:
            if attribute[0] == KEY:
                start = attribute[1] + 5
                cell, stop, plain = _SHORT_ONES[attribute[:start]]
                if len(attribute) != stop:
                    return self._read(attribute)
            else:
                start, stop = 3, attribute[1] + 2
                cell, plain = _KEYS_AFTER[attribute[stop:]]
                if attribute[0] != VALUE or not _SHORTEST < stop < _SHORT or attribute[2] != plain.value:
                    return self._read(attribute)
        except (IndexError, KeyError):
            return self._read(attribute)
        if plain is _TEXT:
            text = attribute[start + 1 : stop]
            if attribute[start] == len(text) and text.isascii() and 0 not in text:
                return cell, text.decode() or None
        elif plain is _INTEGER:
            number = shift = 0
            for byte in attribute[start:stop]:
                number |= (byte & 0x7F) << shift
                shift += 7
                if byte < MANY:
                    break
            if shift == 7 * (stop - start) < INTEGER_BITS and byte < MANY:
                return cell, number
        elif attribute[start] == stop - start - 1:
            items = map_in(attribute, start + 1, stop)
            if items is not None:
                return cell, items
        return self._read(attribute)

    def _read(self, attribute: bytes) -> tuple[int, Any]:
        key, value_at = key_and_place(attribute)
        field = _FIELDS.get(key)
        if field is None:
            return _IGNORED
        cell, name, (read, _, repeats) = field
        if not repeats or len(attribute) > self._longest:
            return cell, read(value_in(*value_at), name, self.notes)
        news = Notes()
        found = (cell, read(value_in(*value_at), name, news))
        if news.mended or news.rejected:
            self.notes.add(news)
            return found
        if len(self) >= self._remembered:
            self.clear()
        self[attribute] = found
        return found
