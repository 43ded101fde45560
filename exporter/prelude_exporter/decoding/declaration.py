"""An activity's declaration, with a quick look whether data is as declared already: most is, since the emitter sees to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prelude_otel.catalogue import Activity, Field

__all__ = ["Declaration"]

# Values of these types pass `prelude_otel.catalogue.conform` unchanged. (A number that is none is left out by `texts`, alike.)
_UNCHANGED: Final[dict[str, frozenset[type]]] = {
    "text": frozenset({str}),
    "number": frozenset({int, float}),
    "integer": frozenset({int}),
    "boolean": frozenset({bool}),
    "id": frozenset({int}),
    "map": frozenset({dict}),
}


class Declaration:
    """What the catalogue says about one activity.

    Args:
        activity: as declared.
    """

    __slots__ = ("activity", "fits")

    def __init__(self, activity: Activity) -> None:
        self.activity = activity
        self.fits = _Shape(activity.fields).fits


class _Shape:
    """What is declared of the keys of a map."""

    __slots__ = ("_inner", "_may_be_empty", "_optional", "_types", "_values")

    def __init__(self, fields: Mapping[str, Field]) -> None:
        values = {name: _values(field) for name, field in fields.items()}
        self._values = [(name, known) for name, known in values.items() if known is not None]
        self._types = [(name, _UNCHANGED[field.type]) for name, field in fields.items() if values[name] is None]
        self._inner = [(name, _Shape(field.fields)) for name, field in fields.items() if field.fields]
        self._optional = {name for name, field in fields.items() if field.constant is None and field.same_as is None}
        self._may_be_empty = self._optional == fields.keys()

    def fits(self, data: Mapping[str, Any] | None) -> bool:
        """Whether `conform` would give `data` back as it is. False also where only `conform` can tell."""
        if not data:
            return self._may_be_empty
        for name, types in self._types:
            if type(data.get(name)) not in types and (name in data or name not in self._optional):
                return False
        for name, values in self._values:
            value = data.get(name)
            if (type(value) is not str or value not in values) and (name in data or name not in self._optional):
                return False
        return all(shape.fits(data.get(name)) for name, shape in self._inner) if self._inner else True


def _values(field: Field) -> frozenset[str] | None:
    """The only texts that pass unchanged, where they can be listed."""
    if field.constant is not None:
        return frozenset({field.constant} if isinstance(field.constant, str) else ())
    return frozenset(field.values) - field.aliases.keys() if field.aliases else None
