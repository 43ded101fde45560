"""The demo CRM behind a real server on a port of its own, with fresh data for each test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import prelude_otel


@pytest.fixture(scope="session")
def crm_app() -> FastAPI:
    """The application, instrumented; nothing leaves the process, and the other tests find no runtime in place."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_TRACES_EXPORTER", "none")
        from prelude_demo_crm.app import app
    prelude_otel.shutdown(0)
    return app


@pytest.fixture
def start_crm(crm_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[str]]:
    """Starts a CRM whose agent does not dawdle, and whose mail providers have a tenth of a second; gives its URL."""
    monkeypatch.setenv("CRM_DATABASE", "")
    monkeypatch.setenv("CRM_AGENT_SECONDS", "0")
    monkeypatch.setenv("CRM_MAIL_TIMEOUT", "0.1")

    @contextmanager
    def start(port: int = 0) -> Iterator[str]:
        server = uvicorn.Server(uvicorn.Config(crm_app, host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the CRM did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

    return start


@pytest.fixture
def crm_url(start_crm: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """URL of a running CRM."""
    with start_crm() as url:
        yield url


@pytest.fixture
def crm(crm_url: str) -> Iterator[httpx.Client]:
    """A signed-in user's client."""
    headers = {"X-User-Email": "user@company.com", "X-Session-ID": "session-abc", "User-Agent": "tests/1.0"}
    with httpx.Client(base_url=crm_url, headers=headers, trust_env=False) as client:
        yield client
