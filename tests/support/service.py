"""A service of a test: its application behind a real server, a client, and the activities that it makes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

import prelude_otel
from prelude_otel.testing import CapturedActivities, CapturedActivity, capture_activities
from tests.support.captured import captured_leniently
from tests.support.uvicorn_server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

__all__ = ["Service", "running_service"]


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        url: where it listens.
        client: asks it.
        activities: what it has recorded.
    """

    url: str
    client: httpx.Client
    activities: CapturedActivities

    def get(self, path: str, **given: Any) -> httpx.Response:
        """GET."""
        return self.client.get(path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        """POST."""
        return self.client.post(path, **given)

    def only(self, name: str | None = None) -> CapturedActivity:
        """The one activity."""
        return self.activities.only(name)


@contextmanager
def running_service(app: FastAPI, *, lenient: bool = False, **settings: Any) -> Iterator[Service]:
    """Instrument `app`, serve it and capture its activities.

    Args:
        app: the application.
        lenient: our own errors are counted and logged, as in production, instead of raised.
        settings: for `instrument`.
    """
    prelude_otel.instrument(app, **{"service_name": "crm-service", **settings})
    with (
        captured_leniently() if lenient else capture_activities() as activities,
        running_server(app, proxy_headers=False) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield Service(url, client, activities)
