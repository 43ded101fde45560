"""The quick way for calls like the last one: where the values were found, and that they already were what is declared.

`Binding.find` and `ActivityEvent.take` are the rule; a shortcut is what they did once, written down as one flat function. It
checks at each call that everything is as it was (types of arguments and result, types of values) and otherwise steps aside,
having changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.binding import Binding, body_fields
from prelude_otel.catalogue.page import page_parameters
from prelude_otel.contract.text import well_formed

if TYPE_CHECKING:
    from prelude_otel.catalogue.model import Activity
    from prelude_otel.event import ActivityEvent

__all__ = ["Shortcut", "learn"]

Shortcut = Callable[["ActivityEvent", Mapping[str, Any], Any], bool]
"""Settles an event's data, entity and page from a call's arguments and result; False where the call is not like the one learnt."""

_SCALARS: Final = frozenset({str, int, float, bool})
_NOTHING: Final = frozenset({type(None), list, tuple})
"""Results that hold no field by name."""

_TEXT: Final = "type({v}) is str and ({v}.isascii() or ({v} := well_formed({v})) is not None)"
_INTEGER: Final = "type({v}) is int and -0x8000000000000000 <= {v} <= 0x7FFFFFFFFFFFFFFF"
_FLOAT: Final = "type({v}) is float and -9223372036854775808.0 <= {v} < 9223372036854775808.0"
_NAME: Final = f"{_TEXT} or {_INTEGER}"
_FITTING: Final[Mapping[str, str]] = {
    "text": _TEXT,
    "number": f"{_FLOAT} or {_INTEGER}",
    "integer": _INTEGER,
    "boolean": "type({v}) is bool",
    "id": _INTEGER,
    "map": "False",
}
"""What a value must be to need no coercion. Numbers beyond 64 bits, and those that are none, take the long way."""


def learn(binding: Binding, kind: Activity, kwargs: Mapping[str, Any], result: Any) -> Shortcut | None:
    """Write down where `binding.find` finds the values of this call, or None where the call is not simple enough."""
    finder = _Finder(kwargs, result)
    steps: dict[str, str] = {}
    for name, sources in _sources(binding):
        found = next((found for source in sources if (found := finder.locate(*source)) is not None), None)
        if found is not None:
            steps[name] = found
    copies = {name: field.same_as for name, field in kind.fields.items() if field.same_as and name not in steps}
    if finder.unclear or not steps.keys() >= {*page_parameters(kind.page), *copies.values()}:
        return None
    code = finder.code
    finder.expect_the_same(steps)
    values = {name: f"v{number}" for number, name in enumerate(steps)}
    for name, variable in values.items():
        declared = kind.fields.get(name)
        code.let(variable, steps[name])
        code.expect((_NAME if declared is None else _FITTING[declared.type]).format(v=variable))
    return code.function(_settled(code, kind, values, copies))


def _settled(code: _Code, kind: Activity, values: Mapping[str, str], copies: Mapping[str, str]) -> list[str]:
    """The lines that give the event what was found."""
    data = {name: code.object(field.constant) for name, field in kind.fields.items() if field.constant is not None}
    for name, variable in values.items():
        declared = kind.fields.get(name)
        if declared is not None:
            aliases = declared.aliases
            data[name] = f"{code.object(aliases)}.get({variable}, {variable})" if aliases else variable
    data.update({name: data[origin] for name, origin in copies.items() if origin in data})
    lines = ["event.data = {" + ", ".join(f"{name!r}: {value}" for name, value in data.items()) + "}"]
    if kind.entity_id is not None and kind.entity_id in values:
        lines.append(f"if event.entity_id is None: event.entity_id = str({values[kind.entity_id]})")
    if kind.page is not None:
        lines.append(f"event.page_route = {kind.page!r}")
        filled = [f".replace({'{' + name + '}'!r}, str({values[name]}))" for name in page_parameters(kind.page)]
        lines.append(f"event.page_url = {kind.page!r}{''.join(filled)}")
    return lines


class _Code:
    """The text of one function, and the objects that it uses."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._objects: dict[str, Any] = {"well_formed": well_formed, "scalars": _SCALARS}

    def object(self, value: Any) -> str:
        """A name for an object."""
        name = f"object{len(self._objects)}"
        self._objects[name] = value
        return name

    def let(self, variable: str, expression: str) -> None:
        """Read a value. Where that raises, the function steps aside: the rule meets it again, and reports it."""
        self._lines.append(f"{variable} = {expression}")

    def expect(self, condition: str) -> None:
        """Step aside unless the condition holds."""
        self._lines.append(f"if not ({condition}): return False")

    def function(self, then: list[str]) -> Shortcut:
        """The function: what was read and expected, and `then` what nothing can keep from happening any more."""
        lines = ["def shortcut(event, kwargs, result):", " try:", *(f"  {line}" for line in self._lines)]
        lines += [" except Exception: return False", *(f" {line}" for line in then), " return True"]
        exec(compile("\n".join(lines), "<prelude_otel shortcut>", "exec"), self._objects)  # noqa: S102 (names go in by repr, objects by reference)
        shortcut: Shortcut = self._objects["shortcut"]
        return shortcut


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
        self._arguments = {name: f"a{number}" for number, name in enumerate(kwargs)}
        self.code = _Code()
        self.unclear = any(value is None or isinstance(value, Mapping) for value in kwargs.values())
        self.read_result = False
        self.absent: list[str] = []

    def expect_the_same(self, steps: Mapping[str, str]) -> None:
        """The checks that a call is like this one. A scalar that is itself a value is checked as that."""
        code = self.code
        code.expect(f"len(kwargs) == {len(self._kwargs)}")
        for name, variable in self._arguments.items():
            code.let(variable, f"kwargs[{name!r}]")
            kind = type(self._kwargs[name])
            if kind not in _SCALARS:
                code.expect(f"type({variable}) is {code.object(kind)}")
            elif variable not in steps.values():
                code.expect(f"type({variable}) in scalars")
        if self.read_result:
            code.expect(f"type(result) is {code.object(type(self._result))}")
        for key in self.absent:
            code.expect(f"{key!r} not in result")

    def locate(self, where: str, key: Any, attributes: tuple[str, ...]) -> str | None:
        """The expression that reads the name, or None where it is not there."""
        if where == "argument":
            if key not in self._kwargs or len(attributes) > 1:
                self.unclear = True
                return None
            return _attribute(self._arguments[key], attributes[0]) if attributes else self._arguments[key]
        if where == "body":
            if key in self._kwargs:
                return self._arguments[key]
            parameter = next((name for name, value in self._kwargs.items() if key in body_fields(type(value))), None)
            return None if parameter is None else _attribute(self._arguments[parameter], key)
        self.read_result = True
        if where == "computed":
            return f"{self.code.object(key)}(result)"
        if where == "path":
            self.unclear = self.unclear or len(attributes) != 1
            key = attributes[0]
        return self._in_result(key)

    def _in_result(self, key: str) -> str | None:
        result = self._result
        names = body_fields(type(result))
        if type(result) is dict:
            if key in result:
                return f"result[{key!r}]"
            self.absent.append(key)
        elif key in names:
            return _attribute("result", key)
        elif not names and type(result) not in _NOTHING:
            self.unclear = True
        return None


def _attribute(of: str, name: str) -> str:
    plain = name.isascii() and name.isidentifier() and not iskeyword(name)
    return f"{of}.{name}" if plain else f"getattr({of}, {name!r})"
