"""JSON between text and values, with numbers as they are written: PostgreSQL keeps more digits than a float."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, Final

__all__ = ["Number", "read", "write"]


class Number(str):
    """A number as JSON has it."""

    __slots__ = ()


_DECODER: Final = json.JSONDecoder(parse_float=Number, parse_int=Number)


def read(text: str) -> Any:
    """What `text` holds; numbers are `Number`."""
    return _DECODER.decode(text)


def write(value: Any) -> str:
    """What `read` gave, as text in ASCII."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(write(one) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{write(one)}" for name, one in value.items()) + "}"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)
