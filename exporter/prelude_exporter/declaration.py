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

    __slots__ = ("_types", "_values", "activity")

    def __init__(self, activity: Activity) -> None:
        self.activity = activity
        fields = activity.fields.items()
        values = {name: _values(field) for name, field in fields}
        self._values = [(name, known) for name, known in values.items() if known is not None]
        self._types = [(name, _types(field)) for name, field in fields if values[name] is None]

    def fits(self, data: Mapping[str, Any] | None) -> bool:
        """Whether `conform` would give `data` back as it is. False also where only `conform` can tell."""
        if not data:
            return not self._types and not self._values
        for name, types in self._types:
            if type(data.get(name)) not in types:
                return False
        for name, values in self._values:
            value = data.get(name)
            if type(value) is not str or value not in values:
                return False
        return True


def _values(field: Field) -> frozenset[str] | None:
    """The only texts that pass unchanged, where they can be listed."""
    if field.constant is not None:
        return frozenset({field.constant} if isinstance(field.constant, str) else ())
    return frozenset(field.values) - field.aliases.keys() if field.aliases else None


def _types(field: Field) -> frozenset[type]:
    return frozenset() if field.fields else _UNCHANGED[field.type]
