"""What is known of an activity, in one line: pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["brief"]

_FIELDS: Final = 4
_LONGEST: Final = 60


def brief(data: Mapping[str, Any] | None, besides: str = "") -> str:
    """What is known of an activity in one line: its first few fields, without those that say what is known, `besides`."""
    shown: list[str] = []
    for name, value in _fields(data or {}):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if text != besides:
            shown.append(f"{_cut(name.replace('_', ' '))}: {_cut(text)}")
    return ", ".join(shown[:_FIELDS])


def _fields(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields, and those of maps among them instead of the maps."""
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from value.items()
        else:
            yield name, value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
