"""The quick way for calls like the last one: where the values were found, and that they already were what is declared.

`Binding.find` and `ActivityEvent.take` are the rule; a shortcut is what they did once, written down. It checks at each call that
everything is as it was (types of arguments and result, types of values) and otherwise steps aside, having changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.binding import MISSING, Binding, body_fields
from prelude_otel.catalogue.page import page_parameters
from prelude_otel.contract.text import well_formed

if TYPE_CHECKING:
    from prelude_otel.catalogue.model import Activity
    from prelude_otel.event import ActivityEvent

__all__ = ["Shortcut", "learn"]

_INT64_MAX: Final = (1 << 63) - 1
_INT64_MIN: Final = -(1 << 63)
_BOUNDED: Final = frozenset({int, float})
"""Numbers beyond 64 bits, and those that are none, take the long way."""
_SCALARS: Final = frozenset({str, int, float, bool})
_NOTHING: Final = frozenset({type(None), list, tuple})
"""Results that hold no field by name."""
_NAMES: Final = frozenset({str, int})
_FITTING: Final[Mapping[str, frozenset[type]]] = {
    "text": frozenset({str}),
    "number": frozenset({int, float}),
    "integer": frozenset({int}),
    "boolean": frozenset({bool}),
    "id": frozenset({int}),
    "map": frozenset(),
}

Read = Callable[[Mapping[str, Any], Any], Any]
"""Reads one value from the arguments and the result."""

Step = tuple[str, bool, Read, frozenset[type], Mapping[str, str]]
"""Name, whether it is a field, how it is read, types that need no coercion, aliases."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What was learnt from one call.

    Args:
        arguments: names of all arguments, with the type that each must have; None: any scalar.
        result: the type that the result must have; None: it is not read.
        absent: keys that the result must not have.
        steps: how each value is read.
        constants: fields that always have the same value.
        copies: (field, source) that take the value of another field where they have none.
        entity: the name of the entity's id.
        page: template of the page.
        parameters: names of its parameters.
    """

    arguments: tuple[tuple[str, type | None], ...]
    result: type | None
    absent: tuple[str, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, Any]
    copies: tuple[tuple[str, str], ...]
    entity: str | None
    page: str | None
    parameters: tuple[str, ...]

    def take(self, event: ActivityEvent, kwargs: Mapping[str, Any], result: Any) -> bool:
        """Settle the event's data, entity and page; False where the call is not like the one that was learnt from."""
        if len(kwargs) != len(self.arguments) or not self._alike(kwargs, result):
            return False
        data = dict(self.constants)
        others: dict[str, Any] = {}
        for name, is_field, read, fitting, aliases in self.steps:
            try:
                value = read(kwargs, result)
            except Exception:  # noqa: BLE001 (the rule meets it again, and reports it)
                return False
            kind = type(value)
            if kind not in fitting or (kind in _BOUNDED and not _INT64_MIN <= value <= _INT64_MAX):
                return False
            if kind is str and not value.isascii():
                value = well_formed(value)
            if is_field:
                data[name] = aliases.get(value, value) if aliases else value
            others[name] = value
        for name, origin in self.copies:
            if origin in data:
                data[name] = data[origin]
        if self.entity is not None and event.entity_id is None and self.entity in others:
            event.entity_id = str(others[self.entity])
        event.data = data
        url = self.page
        if url is not None:
            event.page_route = url
            for name in self.parameters:
                url = url.replace("{" + name + "}", str(others[name]))
            event.page_url = url
        return True

    def _alike(self, kwargs: Mapping[str, Any], result: Any) -> bool:
        for name, expected in self.arguments:
            kind = type(kwargs.get(name, MISSING))
            if kind is not expected and (expected is not None or kind not in _SCALARS):
                return False
        if self.result is not None and type(result) is not self.result:
            return False
        return not any(name in result for name in self.absent)


def learn(binding: Binding, kind: Activity, kwargs: Mapping[str, Any], result: Any) -> Shortcut | None:
    """Write down where `binding.find` finds the values of this call, or None where the call is not simple enough."""
    finder = _Finder(kwargs, result)
    steps: list[Step] = []
    for name, sources in _sources(binding):
        found = next((found for source in sources if (found := finder.locate(*source)) is not None), None)
        declared = kind.fields.get(name)
        if found is not None:
            fitting = _FITTING[declared.type] if declared is not None else _NAMES
            aliases: Mapping[str, str] = declared.aliases if declared is not None else {}
            steps.append((name, declared is not None, found, fitting, aliases))
    named = {step[0] for step in steps}
    parameters = page_parameters(kind.page)
    copies = {name: field.same_as for name, field in kind.fields.items() if field.same_as and name not in named}
    constants = {name: field.constant for name, field in kind.fields.items() if field.constant is not None}
    if finder.unclear or not named.issuperset(parameters) or not named.issuperset(copies.values()):
        return None
    return Shortcut(
        arguments=tuple((name, None if type(value) in _SCALARS else type(value)) for name, value in kwargs.items()),
        result=type(result) if finder.read_result else None,
        absent=tuple(finder.absent),
        steps=tuple(steps),
        constants=constants,
        copies=tuple(copies.items()),
        entity=kind.entity_id,
        page=kind.page,
        parameters=parameters,
    )


Source = tuple[str, Any, tuple[str, ...]]


def _sources(binding: Binding) -> list[tuple[str, list[Source]]]:
    """For each wanted name, where it may be, in the order in which `Binding.find` looks."""
    sources: dict[str, list[Source]] = {}
    for name, parameter, attributes in binding.arguments:
        sources[name] = [("argument", parameter, attributes)]
    for name, searched in binding.searched:
        sources[name] = [("body", searched, ()), ("result", searched, ())]
    for name, attributes in binding.results:
        sources[name] = [("path", None, attributes)]
    for name, function in binding.computed:
        sources[name] = [("computed", function, ())]
    if binding.entity is not None:
        sources.setdefault(binding.entity, []).append(("result", "id", ()))
    return list(sources.items())


class _Finder:
    """Looks for one name at a time in a call, and notes what makes the call unfit to learn from."""

    def __init__(self, kwargs: Mapping[str, Any], result: Any) -> None:
        self._kwargs = kwargs
        self._result = result
        self.unclear = any(value is None or isinstance(value, Mapping) for value in kwargs.values())
        self.read_result = False
        self.absent: list[str] = []

    def locate(self, where: str, key: Any, attributes: tuple[str, ...]) -> Read | None:
        """How the name is read, or None where it is not there."""
        if where == "argument":
            if key not in self._kwargs or len(attributes) > 1:
                self.unclear = True
            return _attribute_of(key, attributes[0]) if attributes else lambda kwargs, _: kwargs[key]
        if where == "body":
            if key in self._kwargs:
                return lambda kwargs, _: kwargs[key]
            parameter = next((name for name, value in self._kwargs.items() if key in body_fields(type(value))), None)
            return None if parameter is None else _attribute_of(parameter, key)
        self.read_result = True
        if where == "computed":
            return lambda _, result: key(result)
        if where == "path":
            self.unclear = self.unclear or len(attributes) != 1
            key = attributes[0]
        return self._in_result(key)

    def _in_result(self, key: str) -> Read | None:
        result = self._result
        names = body_fields(type(result))
        if type(result) is dict:
            if key in result:
                return lambda _, result: result[key]
            self.absent.append(key)
        elif key in names:
            return lambda _, result: getattr(result, key)
        elif not names and type(result) not in _NOTHING:
            self.unclear = True
        return None


def _attribute_of(parameter: str, attribute: str) -> Read:
    return lambda kwargs, _: getattr(kwargs[parameter], attribute)
