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

    __slots__ = ("_unchanged", "activity")

    def __init__(self, activity: Activity) -> None:
        self.activity = activity
        self._unchanged = [(name, _unchanged(field)) for name, field in activity.fields.items()]

    def fits(self, data: Mapping[str, Any] | None) -> bool:
        """Whether `conform` would give `data` back as it is. False also where only `conform` can tell."""
        if not data:
            return not self._unchanged
        for name, types in self._unchanged:  # noqa: SIM110 (a generator would take as long as what this saves)
            if type(data.get(name)) not in types:
                return False
        return True


def _unchanged(field: Field) -> frozenset[type]:
    return frozenset() if field.constant is not None or field.aliases or field.fields else _UNCHANGED[field.type]
