"""What is checked once, when an application starts: every decorated name is known, every decorator stands where it works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prelude_otel import state
from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from prelude_otel.catalogue import Catalogue

__all__ = ["check_decorators", "resolve_all"]


def resolve_all(catalogue: Catalogue) -> None:
    """Resolve every decorated function that is known by now.

    Raises:
        CatalogueError: a name that nobody declared, with its place.
    """
    for site in state.sites:
        site.resolve(catalogue)


def check_decorators(app: Any) -> None:
    """See that no `@activity` stands above its route's decorator.

    Raises:
        ConfigurationError: one does, and would record nothing; says where.
    """
    bare = {id(site.function): site for site in state.sites}
    for endpoint in _endpoints(app):
        site = bare.get(id(endpoint))
        if site is not None:
            raise ConfigurationError(
                f"{site.place}: @activity({site.name!r}) stands above the route's decorator, so the route calls the bare "
                "function and nothing would be recorded; put @activity below @app.get(…), next to the function"
            )


def _endpoints(app: Any) -> Iterator[Any]:
    routes = list(getattr(app, "routes", ()))
    seen: set[int] = set()
    while routes:
        route = routes.pop()
        if id(route) in seen:
            continue
        seen.add(id(route))
        endpoint = getattr(route, "endpoint", None)
        if endpoint is not None:
            yield endpoint
        for inner in (getattr(route, "app", None), getattr(route, "original_router", None), route):
            routes.extend(getattr(inner, "routes", None) or ())
