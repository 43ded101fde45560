"""Find an activity's declared values among a handler's arguments, its bodies and its result.

The plan is made once, when the activity's name is resolved; a call follows it. Nothing that the plan does not name is read.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from prelude_otel.catalogue.model import Activity
from prelude_otel.catalogue.page import page_parameters
from prelude_otel.errors import CatalogueError

__all__ = ["MISSING", "Binding", "Failed", "Rename", "plan"]

Rename = str | Callable[[Any], Any]
"""Another name ("q", "deal.name", "result.total"), or a function of the handler's result."""

MISSING: Final = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """Stands for a value whose reading raised."""

    error: Exception


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """Where each wanted value of one handler is to be found.

    Args:
        parameters: names of the handler's parameters that may be passed by position.
        defaults: default values of its parameters.
        arguments: (wanted, parameter, attributes behind it).
        searched: (wanted, name) to look for in the bodies, then in the result.
        results: (wanted, attributes) of the result.
        computed: (wanted, function of the result).
        entity: the wanted name of the entity's id; where nothing else gives it, the result's ``id`` does.
    """

    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    arguments: tuple[tuple[str, str, tuple[str, ...]], ...]
    searched: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, tuple[str, ...]], ...]
    computed: tuple[tuple[str, Callable[[Any], Any]], ...]
    entity: str | None

    def by_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """All arguments of a call by their names."""
        return {**dict(zip(self.parameters, args, strict=False)), **kwargs} if args else kwargs

    def find(self, kwargs: Mapping[str, Any], result: Any) -> dict[str, Any]:
        """The wanted values of one call with these arguments. `result` is `MISSING` where the handler raised."""
        found: dict[str, Any] = {}
        for wanted, parameter, attributes in self.arguments:
            value = kwargs[parameter] if parameter in kwargs else self.defaults.get(parameter, MISSING)
            if attributes:
                value = _followed(value, attributes)
            if value is not MISSING:
                found[wanted] = value
        if self.searched:
            self._search(kwargs, result, found)
        if result is not MISSING:
            self._read_result(result, found)
        return found

    def _read_result(self, result: Any, found: dict[str, Any]) -> None:
        for wanted, attributes in self.results:
            value = _followed(result, attributes)
            if value is not MISSING:
                found[wanted] = value
        for wanted, function in self.computed:
            try:
                found[wanted] = function(result)
            except Exception as error:  # noqa: BLE001 (a user's function; the caller reports it)
                found[wanted] = Failed(error)
        if self.entity is not None and found.get(self.entity) is None:
            value = _member(result, "id")
            if value is not MISSING:
                found[self.entity] = value

    def _search(self, kwargs: Mapping[str, Any], result: Any, found: dict[str, Any]) -> None:
        bodies = [(value, names) for value in kwargs.values() if (names := body_fields(type(value)))]
        for wanted, name in self.searched:
            if name in kwargs:
                found[wanted] = kwargs[name]
                continue
            for body, names in bodies:
                if name in names:
                    found[wanted] = getattr(body, name)
                    break
            else:
                value = _member(result, name)
                if value is not MISSING:
                    found[wanted] = value


def plan(function: Callable[..., Any], kind: Activity, renames: Mapping[str, Rename]) -> Binding:
    """Plan where `kind`'s values come from in calls of `function`.

    Raises:
        CatalogueError: a rename is for a field that the activity does not have, or names a parameter that the handler lacks.
    """
    parameters = inspect.signature(function).parameters
    own = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    wanted_names = wanted(kind)
    for name in renames:
        if name not in wanted_names:
            near = get_close_matches(name, wanted_names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CatalogueError(f"{kind.key} has no field {name!r} to rename{hint}")
    arguments: list[tuple[str, str, tuple[str, ...]]] = []
    searched: list[tuple[str, str]] = []
    results: list[tuple[str, tuple[str, ...]]] = []
    computed: list[tuple[str, Callable[[Any], Any]]] = []
    for name in wanted_names:
        source = renames.get(name, name)
        if callable(source):
            computed.append((name, source))
            continue
        first, *rest = source.split(".")
        if first in own:
            arguments.append((name, first, tuple(rest)))
        elif first == "result" and rest:
            results.append((name, tuple(rest)))
        elif not rest:
            searched.append((name, source))
        else:
            raise CatalogueError(
                f"{kind.key}: {source!r} begins with {first!r}, which is neither a parameter nor 'result'"
            )
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return Binding(
        parameters=tuple(name for name, parameter in parameters.items() if parameter.kind in positional),
        defaults={
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.default is not parameter.empty
        },
        arguments=tuple(arguments),
        searched=tuple(searched),
        results=tuple(results),
        computed=tuple(computed),
        entity=kind.entity_id,
    )


def wanted(kind: Activity) -> tuple[str, ...]:
    """The names that `kind` wants from a handler: fields, the entity's id, the parameters of its page."""
    names = dict.fromkeys(name for name, declared in kind.fields.items() if declared.constant is None)
    if kind.entity_id is not None:
        names[kind.entity_id] = None
    names.update(dict.fromkeys(page_parameters(kind.page)))
    return tuple(names)


def body_fields(kind: type) -> frozenset[str]:
    """Names of the fields of a Pydantic model or dataclass; none for anything else."""
    return _body_fields(kind)


@lru_cache(maxsize=4096)
def _body_fields(kind: Any) -> frozenset[str]:
    declared = getattr(kind, "__pydantic_fields__", None) or getattr(kind, "__dataclass_fields__", None)
    return frozenset(declared) if declared else frozenset()


def _followed(value: Any, attributes: tuple[str, ...]) -> Any:
    for attribute in attributes:
        value = _member(value, attribute)
    return value


def _member(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, MISSING)
    if value is MISSING or value is None:
        return MISSING
    try:
        member = getattr(value, name, MISSING)
    except Exception as error:  # noqa: BLE001 (a property of the user's; the caller reports it)
        return Failed(error)
    return MISSING if callable(member) else member
