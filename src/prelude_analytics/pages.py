"""Pages beside the API: what a room above must bring, and how it is found."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.types import Scope

__all__ = ["GROUP", "Pages", "found"]

GROUP = "prelude.analytics.pages"
"""Entry points: classes that are `Pages`."""


class Pages(Protocol):
    """Pages under a prefix of their own. The gate stands before them as before the API."""

    prefix: str

    def install(self, app: FastAPI) -> None:
        """Add the routes."""

    def is_open(self, path: str) -> bool:
        """Whether `path`, below the prefix, needs no credential."""
        ...

    def refused(self, error: Exception, scope: Scope) -> Response:
        """What a browser that was not let in is shown."""
        ...


def found() -> list[Pages]:
    """All that are installed."""
    return [point.load()() for point in entry_points(group=GROUP)]
