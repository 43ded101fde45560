"""How the value of an attribute becomes the value of a cell: of the type that the contract says, or noted and left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from prelude_exporter.decoding.texts import Notes, clean, json_object
from prelude_exporter.decoding.values import MAX_DEPTH, shallow
from prelude_otel.contract.email import normalise_email

__all__ = ["Reader", "boolean", "email", "integer", "mapping", "text_of", "texts"]

Reader = Callable[[Any, str, Notes], Any]
_MAX_LIST: Final = 100
_MAX_ITEM: Final = 200
_DIGITS: Final = 19
_MAX_ADDRESS: Final = 320
"""Characters (RFC 3696, errata 1690)."""


def text_of(limit: int) -> Reader:
    """A reader of text of at most `limit` characters; numbers and booleans become text, empty text is none."""

    def read(value: Any, name: str, notes: Notes) -> str | None:
        if isinstance(value, str):
            return clean(value, name, notes, limit) or None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        _reject(value, name, notes)
        return None

    return read


def email(value: Any, name: str, notes: Notes) -> str | None:
    """An address in its one form."""
    text = text_of(_MAX_ADDRESS)(value, name, notes)
    address = None if text is None else normalise_email(text)
    # In one piece again, letters may be more than before.
    return address if address is None or len(address) <= _MAX_ADDRESS else clean(address, name, notes, _MAX_ADDRESS)


def integer(value: Any, name: str, notes: Notes) -> int | None:
    """A whole number, also as text or as a float that is whole."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= _DIGITS:
        return int(value)
    _reject(value, name, notes)
    return None


def boolean(value: Any, name: str, notes: Notes) -> bool | None:
    """True or false, also as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    _reject(value, name, notes)
    return None


def mapping(value: Any, name: str, notes: Notes) -> dict[str, Any] | None:
    """A map, or the text of a JSON object (span events can hold no maps)."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        read = json_object(value)
        if read is not None:
            # Each level has a bracket of its own.
            return shallow(read) if value.count("{") + value.count("[") > MAX_DEPTH else read
    _reject(value, name, notes)
    return None


def texts(value: Any, name: str, notes: Notes) -> tuple[str, ...] | None:
    """A list of texts, without empty ones; a single text is a list of one."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        _reject(value, name, notes)
        return None
    if len(value) > _MAX_LIST:
        notes.mended[name] = f"cut from {len(value)} entries"
        value = value[:_MAX_LIST]
    read = text_of(_MAX_ITEM)
    items = [read(item, f"{name}.{index}", notes) for index, item in enumerate(value)]
    return tuple(text for text in items if text) or None


def _reject(value: Any, name: str, notes: Notes) -> None:
    if value is not None:
        notes.rejected[name] = value
