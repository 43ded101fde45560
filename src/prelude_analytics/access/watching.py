"""The parameter of a route that wants to know when its caller's credential ends."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection

from prelude_analytics.access.validity import Validity

__all__ = ["Watch"]


def _validity(connection: HTTPConnection) -> Validity:
    validity: Validity = connection.app.state.access.validity
    return validity


Watch: TypeAlias = Annotated[Validity, Depends(_validity)]
"""``watch.on_revoked(caller, call)``; the gate closes sockets by itself, with the code 4401."""
