"""Data that is too large is cut where it is too long: what is short stays whole, and what was cut is said.

Room is shared out among the values of a map or a list: whoever needs less than an equal share gets what it needs, the rest
share what is left. So one field of a megabyte costs its neighbours nothing.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

__all__ = ["MAX_DATA_BYTES", "dumps", "fit"]

MAX_DATA_BYTES: Final = 256 * 1024
"""The largest ``action_data`` or ``result_data`` that lands, as JSON text in UTF-8."""

_LEAST: Final = 64
"""Bytes that a value gets at least; where there is not as much for each, the last ones are left out."""
_LONGEST_KEY: Final = 200
_CUT: Final = "…"
_CUT_BYTES: Final = 5  # the sign and two quotes


def dumps(value: Any) -> bytes:
    """JSON text with sorted keys, so that equal maps are equal texts."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def fit(data: dict[str, Any], path: str, mended: dict[str, str], room: int = MAX_DATA_BYTES) -> dict[str, Any]:
    """`data` cut so that its JSON text has at most `room` bytes.

    Args:
        data: only what JSON can hold.
        mended: is told by path what was cut, and from which size.
    """
    cut = _fit(data, path, mended, room)
    return cut if isinstance(cut, dict) else {}


def _fit(value: Any, path: str, mended: dict[str, str], room: int) -> Any:
    # A look at the length alone spares the JSON text of what is far too long anyway.
    if not (isinstance(value, str) and len(value) > room) and len(dumps(value)) <= room:
        return value
    if isinstance(value, str):
        mended[path] = f"cut from {len(value)} characters"
        return _text(value, room)
    if isinstance(value, dict):
        names = sorted(value)
        pairs = [(_key(name, path, mended), value[name]) for name in names]
        kept = _share(pairs, [len(dumps(name)) + 2 for name, _ in pairs], path, mended, room - 2)
        return dict(kept)
    if isinstance(value, list):
        return [item for _, item in _share(list(enumerate(value)), [1] * len(value), path, mended, room - 2)]
    mended[path] = "left out: too long"
    return _CUT


def _share(
    pairs: list[tuple[Any, Any]], frames: list[int], path: str, mended: dict[str, str], room: int
) -> list[tuple[Any, Any]]:
    """`pairs` with their values cut to fit in `room`; `frames` is what each takes beside its value."""
    sizes = []
    for (_, value), frame in zip(pairs, frames, strict=True):
        size = len(value) + 2 if isinstance(value, str) and len(value) > room else len(dumps(value))
        if room - frame < min(size, _LEAST):
            break
        room -= frame + min(size, _LEAST)
        sizes.append(size)
    if len(sizes) < len(pairs):
        mended[path] = f"cut from {len(pairs)} entries"
    most = _LEAST
    # From the smallest on: each takes what it needs, as long as that is no more than its share of what is left.
    beyond = sorted(size - _LEAST for size in sizes if size > _LEAST)
    for number, size in enumerate(beyond):
        share = room // (len(beyond) - number)
        if size > share:
            most = _LEAST + share
            break
        room -= size
    else:
        most = max(sizes, default=_LEAST)
    return [
        (name, value if size <= most else _fit(value, f"{path}.{name}", mended, most))
        for (name, value), size in zip(pairs, sizes, strict=False)
    ]


def _key(name: str, path: str, mended: dict[str, str]) -> str:
    if len(name) <= _LONGEST_KEY:
        return name
    short = name[: _LONGEST_KEY - 1] + _CUT
    mended[f"{path}.{short}"] = f"name cut from {len(name)} characters"
    return short


def _text(text: str, room: int) -> str:
    """The longest beginning whose JSON text, with the sign that it was cut, has at most `room` bytes."""
    least, most = 0, min(len(text), room)
    while least < most:
        middle = (least + most + 1) // 2
        if len(dumps(text[:middle])) + _CUT_BYTES - 2 <= room:
            least = middle
        else:
            most = middle - 1
    return text[:least] + _CUT
