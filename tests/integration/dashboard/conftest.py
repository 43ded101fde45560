"""A dashboard with some rows, and a browser that is signed in; a module may have a `service` of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.analytics import Analytics
from tests.support.dashboard import running_dashboard, signed_in
from tests.support.postgres import TestServer


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    with running_dashboard(postgres, 2_000) as running:
        yield running


@pytest.fixture(scope="module")
def browser(service: Analytics) -> Iterator[httpx.Client]:
    with signed_in(service) as client:
        yield client
