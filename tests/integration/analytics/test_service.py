"""The service itself: what it answers before anything is asked of the rows."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from prelude_analytics.settings import Settings
from prelude_otel.errors import ConfigurationError
from tests.support.analytics import running_analytics
from tests.support.postgres import TestServer


def test_it_is_alive_and_ready_without_a_credential(database: str) -> None:
    with running_analytics(database) as service:
        assert httpx.get(f"{service.url}/healthz").json() == {"alive": True}
        assert _readiness(service.url) == {"ready": True, "why_not": ""}
        assert (
            'prelude_analytics_requests_total{route="/healthz",status="200"} 1.0'
            in httpx.get(f"{service.url}/metrics").text
        )


def test_it_starts_without_a_database_and_recovers_alone(postgres: TestServer) -> None:
    name = postgres.free_name()
    away = postgres.url_for(name)
    with running_analytics(away) as service:
        readiness = httpx.get(f"{service.url}/readyz")
        assert readiness.status_code == 503
        assert readiness.json()["why_not"]
        refused = service.client.get(
            "/openapi.json", headers={"authorization": f"Bearer prelude_a_{'a' * 10}_{'b' * 43}"}
        )
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.json()["title"] == "Database away"
        assert refused.headers["retry-after"]
        postgres.create_database(name=name)
        assert _readiness(service.url)["ready"]
        with service.signed() as client:
            assert client.get("/openapi.json").status_code == 200
    postgres.drop_database(away)


def test_connections_that_died_are_replaced(database: str, postgres: TestServer) -> None:
    with running_analytics(database) as service, service.signed() as client:
        assert client.get("/openapi.json").status_code == 200
        postgres.end_connections(database)
        assert client.get("/openapi.json").status_code == 200


def test_a_problem_says_what_is_wrong_as_rfc_9457_has_it(database: str) -> None:
    with running_analytics(database) as service, service.signed() as client:
        answer = client.get("/nothing")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        problem = answer.json()
        assert problem["status"] == 404
        assert problem["type"] == "urn:prelude:problem:not-found"
        assert "/api/analytics/nothing" in problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]


def test_it_listens_beyond_this_machine_only_when_told_how() -> None:
    with pytest.raises(ConfigurationError, match="--allow-cleartext"):
        Settings(database_url="", host="0.0.0.0")
    Settings(database_url="", host="0.0.0.0", allow_cleartext=True)


def _readiness(url: str) -> Any:
    """What /readyz says, once it is ready or after some seconds."""
    for _ in range(100):
        said = httpx.get(f"{url}/readyz").json()
        if said["ready"]:
            break
        time.sleep(0.1)
    return said
