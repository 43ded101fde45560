"""Make an activity's data what its declaration says: a pure function, applied by emitter and exporter alike.

Applying it twice is the same as once. Fields that the declaration does not name pass as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from prelude_otel.catalogue.model import ENTITY_ID, Activity, Field

__all__ = ["Conformed", "conform"]

_REJECTED: Final = object()
_CANONICAL_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,17})\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")
_INT64: Final = 1 << 63
_BOOLEANS = {"true": True, "false": False}


class Conformed(NamedTuple):
    """What `conform` gives: the data as declared, and what did not fit."""

    data: dict[str, Any]
    rejected: dict[str, Any]


def conform(activity: Activity, data: Mapping[str, Any], entity_id: str | int | None = None) -> Conformed:
    """Coerce `data` to the declared types, and fill in constants and `same_as`.

    Args:
        activity: the declaration.
        data: action data as given; not changed.
        entity_id: id of the activity's entity, for ``same_as = "entity_id"``.

    Returns:
        The data, without empty (None) fields, and what was left out since it is not of its declared type, by path.
    """
    rejected: dict[str, Any] = {}
    conformed = _conform_fields(activity.fields, data, entity_id, rejected, "")
    return Conformed(conformed, rejected)


def _conform_fields(
    fields: Mapping[str, Field],
    data: Mapping[str, Any],
    entity_id: str | int | None,
    rejected: dict[str, Any],
    prefix: str,
) -> dict[str, Any]:
    conformed = dict(data)
    for name, declared in fields.items():
        value = conformed.get(name)
        if declared.constant is not None:
            conformed[name] = declared.constant
            continue
        if value is None:
            value = _borrowed(declared, conformed, entity_id)
        if value is None:
            conformed.pop(name, None)
            continue
        fitting = _COERCIONS[declared.type](value)
        if fitting is _REJECTED:
            rejected[prefix + name] = value
            borrowed = _borrowed(declared, conformed, entity_id)
            fitting = _REJECTED if borrowed is None else _COERCIONS[declared.type](borrowed)
        if fitting is _REJECTED:
            conformed.pop(name, None)
            continue
        if declared.aliases and type(fitting) is str:
            fitting = declared.aliases.get(fitting, fitting)
        if declared.fields:
            fitting = _conform_fields(declared.fields, fitting, entity_id, rejected, f"{prefix}{name}.")
        conformed[name] = fitting
    return conformed


def _borrowed(declared: Field, data: Mapping[str, Any], entity_id: str | int | None) -> Any:
    if declared.same_as is None:
        return None
    return entity_id if declared.same_as == ENTITY_ID else data.get(declared.same_as)


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float | Decimal) else _REJECTED


def _number(value: Any) -> Any:
    if type(value) is int:
        return value if -_INT64 <= value < _INT64 else _finite(value)
    if type(value) is float:
        return value if math.isfinite(value) else _REJECTED
    if isinstance(value, bool):
        return _REJECTED
    if isinstance(value, str):
        stripped = value.strip()
        if not _NUMBER.match(stripped):
            return _REJECTED  # "50,000" is fifty thousand to some and fifty to others
        value = Decimal(stripped)
    return _finite(value) if isinstance(value, Decimal) else _REJECTED


def _finite(value: int | Decimal) -> Any:
    try:
        number = float(value)
    except OverflowError:
        return _REJECTED
    return number if math.isfinite(number) else _REJECTED


def _integer(value: Any) -> Any:
    number = _number(value)
    whole = number is not _REJECTED and -_INT64 <= number < _INT64 and number == int(number)
    return int(number) if whole else _REJECTED


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return _BOOLEANS.get(value.strip().lower(), _REJECTED) if isinstance(value, str) else _REJECTED


def _id(value: Any) -> Any:
    if type(value) is int:
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, str):
        return int(value) if _CANONICAL_INTEGER.match(value) else value
    if isinstance(value, float) and value.is_integer() and -_INT64 <= value < _INT64:
        return int(value)
    return _REJECTED


def _map(value: Any) -> Any:
    return value if isinstance(value, Mapping) else _REJECTED


_COERCIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "id": _id,
    "map": _map,
}
