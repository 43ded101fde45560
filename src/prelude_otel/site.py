"""One decorated function: its activity, once resolved, and the plan to find that activity's values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prelude_otel import state
from prelude_otel.binding import Binding, Rename, plan
from prelude_otel.catalogue import Activity, Catalogue
from prelude_otel.errors import CatalogueError, UnknownActivityError

if TYPE_CHECKING:
    from prelude_otel.runtime import Runtime

__all__ = ["Site", "resolve_all"]


class Site:
    """Where an activity is decorated.

    Args:
        name: ``type.name``, or the declared activity itself.
        function: the function as the service wrote it.
        renames: where declared fields go by other names.
        options: tags, page and others that the decorator adds.
    """

    __slots__ = ("binding", "event_name", "function", "kind", "name", "renames", "tags")

    def __init__(
        self, name: str | Activity, function: Callable[..., Any], renames: Mapping[str, Rename], tags: tuple[str, ...]
    ) -> None:
        self.name = name
        self.function = function
        self.renames = renames
        self.tags = tags
        self.kind: Activity | None = None
        self.binding: Binding | None = None
        self.event_name = ""

    def resolve(self, catalogue: Catalogue) -> Activity:
        """Find the activity, and plan the reading of its values.

        Raises:
            CatalogueError: nobody declared it, or a rename is wrong; says where it is decorated.
        """
        if self.kind is None:
            try:
                kind = self.name if isinstance(self.name, Activity) else catalogue.resolve(self.name)
                self.binding = plan(self.function, kind, self.renames)
            except CatalogueError as error:
                kind_of_error = type(error) if isinstance(error, UnknownActivityError) else CatalogueError
                raise kind_of_error(f"{self.place}: {error}") from error
            self.event_name = kind.event_name
            self.kind = kind
        return self.kind

    @property
    def place(self) -> str:
        """File and line of the decorated function."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        where = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(self.function)
        return f"{where} ({getattr(self.function, '__qualname__', '?')})"


def resolve_all(runtime: Runtime) -> None:
    """Resolve every decorated function that is known by now.

    Raises:
        CatalogueError: a name that nobody declared, with its place.
    """
    for site in state.sites:
        site.resolve(runtime.catalogue)
