"""One decorated function: its activity, once resolved, and the plan to find that activity's values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.binding import MISSING, Binding, Rename, plan
from prelude_otel.catalogue import Activity, Catalogue
from prelude_otel.errors import CatalogueError, UnknownActivityError
from prelude_otel.shortcut import Shortcut, learn

if TYPE_CHECKING:
    from prelude_otel.event import ActivityEvent

__all__ = ["Site"]

_LESSONS: Final = 8


class Site:
    """Where an activity is decorated.

    Args:
        name: ``type.name``, or the declared activity itself.
        function: the function as the service wrote it.
        renames: where declared fields go by other names.
        options: tags, page and others that the decorator adds.
    """

    __slots__ = ("event_name", "function", "lessons", "name", "renames", "resolved", "shortcut", "tags")

    def __init__(
        self, name: str | Activity, function: Callable[..., Any], renames: Mapping[str, Rename], tags: tuple[str, ...]
    ) -> None:
        self.name = name
        self.function = function
        self.renames = renames
        self.tags = tags
        self.resolved: tuple[Activity, Binding] | None = None
        self.shortcut: Shortcut | None = None
        self.lessons = _LESSONS
        """How many more calls are looked at for a shortcut; a handler whose calls are never simple must not pay for it each time."""
        self.event_name = ""

    def resolve(self, catalogue: Catalogue) -> tuple[Activity, Binding]:
        """Find the activity, and plan the reading of its values.

        Raises:
            CatalogueError: nobody declared it, or a rename is wrong; says where it is decorated.
        """
        if self.resolved is None:
            try:
                kind = self.name if isinstance(self.name, Activity) else catalogue.resolve(self.name)
                binding = plan(self.function, kind, self.renames)
            except CatalogueError as error:
                kind_of_error = type(error) if isinstance(error, UnknownActivityError) else CatalogueError
                raise kind_of_error(f"{self.place}: {error}") from error
            self.event_name = kind.event_name
            self.resolved = kind, binding
        return self.resolved

    def read(self, event: ActivityEvent, result: Any) -> None:
        """Give the event its values from one call's arguments and result (`MISSING` where it raised)."""
        if event.call is None:
            return
        binding, args, kwargs = event.call
        if args:
            kwargs = binding.by_name(args, kwargs)
        if event.data or event.result_data:
            event.take(binding.find(kwargs, result))
            return
        shortcut = self.shortcut
        if shortcut is not None and shortcut(event, kwargs, result):
            return
        found = binding.find(kwargs, result)
        event.take(found)
        if shortcut is None and self.lessons and result is not MISSING:
            self.lessons -= 1
            self.shortcut = learn(binding, event.kind, kwargs, result)

    @property
    def place(self) -> str:
        """File and line of the decorated function."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(self.function)
        return f"{where} ({getattr(self.function, '__qualname__', '?')})"
