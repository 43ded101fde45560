"""What PostgreSQL can't store is mended here, and said: text without NUL and lone surrogates, JSON without NaN and Infinity."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

from prelude_exporter.decoding.cutting import MAX_DATA_BYTES, dumps, fit
from prelude_exporter.decoding.values import MAX_DEPTH, TOO_DEEP

__all__ = ["Notes", "carried", "clean", "harmless", "json_object", "json_text"]

_MAX_REJECTED: Final = 1000
_SURROGATES = re.compile("[\ud800-\udfff]+")
_LONG_INTEGER = re.compile(r"[0-9]{16}")


class Notes:
    """What did not fit in one record; lands in ``result_data``.

    Attributes:
        rejected: values that were left out, by the path of their field.
        mended: what was done to a value that did land, by its path.
    """

    __slots__ = ("mended", "rejected")

    def __init__(self) -> None:
        self.rejected: dict[str, Any] = {}
        self.mended: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.rejected or self.mended)

    def add(self, other: Notes) -> None:
        """Take over what `other` says."""
        self.rejected.update(other.rejected)
        self.mended.update(other.mended)


def clean(text: str, path: str, notes: Notes, limit: int | None = None) -> str:
    """`text` as PostgreSQL takes it: no NUL, no lone surrogate, at most `limit` characters; what was done is noted under `path`."""
    if text.isascii() and "\0" not in text and (limit is None or len(text) <= limit):
        return text
    if "\0" in text:
        text = text.replace("\0", "")
        notes.mended[path] = "NUL removed"
    if _SURROGATES.search(text):
        text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
        notes.mended[path] = "was no UTF-8"
    if limit is not None and len(text) > limit:
        notes.mended[path] = f"cut from {len(text)} characters"
        text = text[: limit - 1] + "…"
    return text


def json_text(data: dict[str, Any] | None, path: str, notes: Notes) -> str | None:
    """A map as JSON text with sorted keys, so that equal maps are equal texts; None for an empty one.

    Numbers that are none are left out; text is mended; what is nested too deep or too long is cut. All of it is noted.
    """
    if not data:
        return None
    try:
        text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        if b"null" not in text and b"\\u0000" not in text and len(text) <= MAX_DATA_BYTES:  # as `carried`; a call less
            return text.decode()
    except TypeError:
        pass
    data, text = carried(data, path, notes)
    return text.decode() if data else None


def carried(data: dict[str, Any], path: str, notes: Notes) -> tuple[dict[str, Any], bytes]:
    """`data` as it can be stored, and as JSON text with sorted keys."""
    try:
        text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = b""
    # orjson writes NaN as null: a null may be one.
    if text and len(text) <= MAX_DATA_BYTES and b"null" not in text and b"\\u0000" not in text:
        return data, text
    data = fit(_mend(data, path, notes), path, notes.mended)
    return data, dumps(data)


def json_object(text: str) -> dict[str, Any] | None:
    """The map that `text` writes as a JSON object; None where it is no such text."""
    try:
        # orjson reads an integer that is longer than 64 bits as a float, and refuses NaN and lone surrogates.
        value = json.loads(text) if _LONG_INTEGER.search(text) else orjson.loads(text)
    except (ValueError, RecursionError):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def harmless(value: Any) -> Any:
    """`value` in a form that can be stored whatever it was; a long one as the beginning of its JSON text."""
    value = _mend_quietly(value)
    text = dumps(value)
    return value if len(text) <= _MAX_REJECTED else text.decode()[:_MAX_REJECTED] + "…"


def _mend(value: Any, path: str, notes: Notes) -> Any:
    if isinstance(value, str):
        return clean(value, path, notes)
    if isinstance(value, dict):
        mended = {}
        for key, inner in value.items():
            name = clean(key, f"{path}.{key!a}", notes)
            if isinstance(inner, float) and not math.isfinite(inner):
                notes.rejected[f"{path}.{name}".partition(".")[2]] = inner
            else:
                mended[name] = _mend(inner, f"{path}.{name}", notes)
        return mended
    if isinstance(value, list):
        return [_mend(inner, f"{path}.{index}", notes) for index, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        notes.mended[path] = f"{value} became null"
        return None
    if value is TOO_DEEP:
        notes.mended[path] = f"cut: nested deeper than {MAX_DEPTH} levels"
        return str(value)
    return value


def _mend_quietly(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {clean(key, "", Notes()): _mend_quietly(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mend_quietly(inner) for inner in value]
    return clean(str(value), "", Notes()) if isinstance(value, str) or value is TOO_DEEP else value
