"""Who signs in and out, and who was refused, stands in the log: without a secret, and without a flood."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from prelude_analytics.access import audit
from prelude_analytics.access.audit import Records
from prelude_analytics.access.buckets import Buckets
from tests.support.analytics import Analytics, running_analytics
from tests.support.captured import LenientlyCaptured, captured_leniently
from tests.support.dashboard import signed_in

ADA = "ada@company.com"
NOBODYS = "prelude_a_aaaaaaaaaa_" + "b" * 43


def told(captured: LenientlyCaptured) -> list[tuple[Any, ...]]:
    return [
        (
            f"{one.action_type}.{one.action_name}",
            one.result_status,
            one.user_email,
            *(one.action_data.get(name) for name in ("route", "role", "what")),
        )
        for one in captured
    ]


def sign_in(service: Analytics, token: str, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{service.url}/analytics/sign-in",
        data={"token": token},
        headers={"origin": service.url, **headers},
        trust_env=False,
    )


def test_signing_in_and_out_by_the_dashboard_is_recorded_whoever_does_it(database: str) -> None:
    with (
        captured_leniently() as captured,
        running_analytics(database, Records()) as service,
        signed_in(service, "self", ADA) as browser,
    ):
        assert browser.post("/analytics/sign-out").status_code == 303
        assert browser.post("/analytics/sign-out").status_code == 303, "there is no session any more"
    assert told(captured) == [
        ("analytics.sign_in", "success", ADA, "/analytics/sign-in", "self", None),
        ("analytics.sign_out", "success", ADA, "/analytics/sign-out", "self", None),
    ]
    assert {str(one.client_address) for one in captured.raw} == {"127.0.0.1"}


def test_signing_in_and_out_by_the_api_is_recorded_and_asking_who_is_in_is_not(database: str) -> None:
    with captured_leniently() as captured, running_analytics(database, Records()) as service:
        token = service.token("govern", name="officer")
        with httpx.Client(base_url=service.url, trust_env=False, headers={"origin": service.url}) as client:
            assert client.post("/api/analytics/session", json={"token": token.token}).status_code == 201
            assert client.get("/api/analytics/session").status_code == 200
            assert client.delete("/api/analytics/session").status_code == 204
        bearer = {"authorization": f"Bearer {token.token}"}
        assert service.client.delete("/session", headers=bearer).status_code == 409
        assert httpx.post(f"{service.url}/analytics/sign-out", headers=bearer, trust_env=False).status_code == 303
    assert told(captured) == [
        ("analytics.sign_in", "success", "token:officer", "POST /session", "govern", None),
        ("analytics.sign_out", "success", "token:officer", "DELETE /session", "govern", None),
    ]
    assert {one.action_data["token_id"] for one in captured} == {token.id}


def test_refused_attempts_are_recorded_with_why_and_without_the_secret(database: str) -> None:
    with captured_leniently() as captured, running_analytics(database, Records()) as service:
        revoked, expired = service.token("all"), service.token("all", valid_for=timedelta(seconds=0))
        service.revoke(revoked)
        assert sign_in(service, "what?").status_code == 401
        assert sign_in(service, NOBODYS, **{"user-agent": "guesser"}).status_code == 401
        assert sign_in(service, revoked.token).status_code == 401
        assert service.client.post("/session", json={"token": expired.token}).status_code == 401
    attempt = ("analytics.sign_in", "error", None)
    assert told(captured) == [
        (*attempt, "/analytics/sign-in", None, {"reason": "unknown"}),
        (*attempt, "/analytics/sign-in", None, {"reason": "unknown", "shown_id": "aaaaaaaaaa"}),
        (*attempt, "/analytics/sign-in", None, {"reason": "revoked", "shown_id": revoked.id}),
        (*attempt, "POST /session", None, {"reason": "expired", "shown_id": expired.id}),
    ]
    secrets = ("what?", "b" * 43, revoked.token[-43:], expired.token[-43:])
    everything = str([vars(one) if hasattr(one, "__dict__") else repr(one) for one in (*captured, *captured.raw)])
    assert "guesser" in everything
    assert [secret for secret in secrets if secret in everything] == []


def test_a_form_from_elsewhere_and_a_bad_request_are_no_attempts(database: str) -> None:
    with captured_leniently() as captured, running_analytics(database, Records()) as service:
        foreign = httpx.post(f"{service.url}/analytics/sign-in", data={"token": NOBODYS}, trust_env=False)
        assert foreign.status_code == 403
        assert service.client.post("/session", json={}).status_code == 422
    assert told(captured) == []


def test_who_tries_again_and_again_floods_nothing_and_what_was_left_out_is_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_OF_ONE_ADDRESS", (1e-9, 3))
    records = Records()
    with captured_leniently() as captured, running_analytics(database, records) as service:
        answers = [sign_in(service, NOBODYS).status_code for _ in range(14)]
        assert set(answers) == {401, 429}
        assert len(told(captured)) == 3
        records._refused_of = Buckets(1e-9, 3)  # time has passed
        status = sign_in(service, NOBODYS).status_code
    reason = {401: "unknown", 429: "too_many"}[status]  # in a slow run time has passed for the guesser, too
    assert [one[-1] for one in told(captured)[3:]] == [{"reason": reason, "shown_id": "aaaaaaaaaa", "left_out": 11}]


def test_many_addresses_together_flood_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_OF_ALL", (1e-9, 4))
    records = Records()
    with captured_leniently() as captured:
        for number in range(20):
            scope = {"type": "http", "method": "POST", "headers": [], "client": (f"203.0.113.{number}", 1)}
            records(scope, "/session", None, 401)
    assert len(told(captured)) == 4
