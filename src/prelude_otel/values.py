"""Turn what a handler holds into what OTLP can carry: text, numbers, booleans, lists and maps of them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import enum
import os
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from prelude_otel.contract.text import well_formed

__all__ = ["NOT_CARRIED", "carry"]

NOT_CARRIED: Final = object()
"""Given back for a value that has no form in OTLP; the caller leaves it out and says so in the row."""

_MAX_DEPTH: Final = 12
_EXACT_DIGITS: Final = 15
_INT64: Final = 1 << 63
_AS_THEY_ARE: Final = frozenset({bool, type(None)})


def carry(value: Any, depth: int = 0) -> Any:
    """A form of `value` that OTLP can carry, or `NOT_CARRIED`.

    Times become ISO 8601 text, enumerations their value, Pydantic models what the client has set, whole numbers beyond 64 bits
    and those that are none (NaN) text. Inside a list or a map, what can't be carried is left out.
    """
    kind = type(value)
    if kind is str:
        return well_formed(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        return value if isfinite(value) else str(value)
    if kind is int and -_INT64 <= value < _INT64:
        return value
    if depth > _MAX_DEPTH:
        return NOT_CARRIED
    try:
        return _compound(value, depth)
    except Exception:  # noqa: BLE001 (a property, a serialiser or a __str__ of the application's)
        return NOT_CARRIED


def _compound(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _map(value, depth)
    if isinstance(value, list | tuple | AbstractSet):
        items = [carry(item, depth + 1) for item in value]
        return [item for item in items if item is not NOT_CARRIED]
    if isinstance(value, enum.Enum):
        return carry(value.value, depth + 1)
    if hasattr(type(value), "__pydantic_fields__") or dataclasses.is_dataclass(value):
        return _model(value, depth)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(str(value))
    if isinstance(value, int):
        number = int(value)
        return number if -_INT64 <= number < _INT64 else str(number)
    if isinstance(value, float):
        return carry(float(value))
    if isinstance(value, Decimal):
        exact = value.is_finite() and len(value.as_tuple().digits) <= _EXACT_DIGITS
        return float(value) if exact else str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, uuid.UUID | os.PathLike):
        return str(value)
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    return NOT_CARRIED


def _model(value: Any, depth: int) -> Any:
    if hasattr(value, "model_dump"):
        try:
            fields = value.model_dump(mode="json", exclude_unset=True)
        except Exception:  # noqa: BLE001 (one field without a JSON form must not cost the others)
            fields = value.model_dump(exclude_unset=True, warnings=False)
        return _map(fields, depth)
    if isinstance(value, type):
        return NOT_CARRIED
    return _map({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, depth)


def _map(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    carried = {well_formed(str(key)): carry(item, depth + 1) for key, item in value.items()}
    return {key: item for key, item in carried.items() if item is not NOT_CARRIED}
