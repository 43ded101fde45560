"""Workers and scripts: blocks, facts, and what is pending until another process ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

import prelude_otel
from prelude_otel import Activity, activity, complete, current_activity, emit, record, set_user
from prelude_otel.errors import ConfigurationError, UnknownActivityError
from prelude_otel.testing import capture_activities
from tests.support.captured import captured_leniently
from tests.support.otlp_receiver import attributes_of, running_receiver
from tests.support.service import running_service

ARCHIVE = Activity(type="crm", name="archive_deal", entity="deal", entity_id="deal_id")


def test_a_block_is_an_activity() -> None:
    with capture_activities() as activities:
        with record("crm.send_email", to_email="c@x.com") as a:
            assert current_activity() is a
            a.set(method="gmail_api", deal_id=4).tag("vip").result(size=3)
        assert current_activity() is not a
    event = activities.only()
    assert event.action_data == {"to_email": "c@x.com", "method": "gmail_api_v2", "deal_id": 4}
    assert (event.result_data, event.tags, event.result_status) == ({"size": 3}, ("vip",), "success")
    assert event.duration_ms is not None
    assert event.page_url == "/crm/email/send"


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (ValueError("x"), "error", "ValueError"),
        (TimeoutError(), "timeout", "TimeoutError"),
        (SystemExit(1), "error", "SystemExit"),
    ],
)
def test_an_exception_in_a_block_passes_through_and_is_its_result(
    error: BaseException, status: str, error_type: str
) -> None:
    with capture_activities() as activities, pytest.raises(type(error)) as caught, record("crm.send_email"):
        raise error
    assert caught.value is error
    assert (activities.only().result_status, activities.only().error_type) == (status, error_type)


def test_a_declared_activity_works_without_its_name_being_registered() -> None:
    with capture_activities() as activities:
        emit(ARCHIVE, deal_id=5)
        with record(ARCHIVE, deal_id=6):
            pass
    assert [event.entity_id for event in activities] == ["5", "6"]


def test_a_fact_has_no_duration_and_waits_for_no_span() -> None:
    with capture_activities() as activities:
        event_id = emit("crm.delete_deal", deal_id=7)
    event = activities.only()
    assert event.event_id == event_id
    assert event.duration_ms is None
    assert event.attributes["prelude.span.join"] is False


def test_a_fact_takes_every_column() -> None:
    with capture_activities(start=datetime(2026, 3, 1, tzinfo=UTC)) as activities:
        emit(
            "crm.view_deal",
            status="error",
            user_email=" U@X.com",
            session_id="s",
            entity_id=7,
            page_url="/somewhere/else",
            user_agent="agent",
            client_address="203.0.113.7",
            error_type="Busy",
            duration_ms=1500.4,
            tags=["a"],
            result={"tries": 3},
            data={"customer_id": "5", "not an identifier": 1},
        )
    event = activities.only()
    assert (event.result_status, event.error_type, event.user_email) == ("error", "Busy", "u@x.com")
    assert (event.session_id, event.entity_id, event.page_url) == ("s", "7", "/somewhere/else")
    assert (event.user_agent, event.ip_address, event.duration_ms) == ("agent", "203.0.113.7", 1500)
    assert (event.tags, event.result_data) == (("a",), {"tries": 3})
    assert event.action_data == {"customer_id": 5, "not an identifier": 1}
    assert datetime(2026, 3, 1, tzinfo=UTC) - event.timestamp == pytest.approx(
        timedelta(milliseconds=1500.4), abs=timedelta(milliseconds=20)
    )


def test_the_entitys_id_makes_the_page() -> None:
    with capture_activities() as activities:
        emit("crm.view_deal", entity_id=7)
        emit("crm.view_deal", deal_id=7)
    assert [event.page_url for event in activities] == ["/crm/deals/7"] * 2


@pytest.mark.parametrize("broken", [{"status": "done"}, {"duration_ms": "long"}, {"tags": 5}])
def test_a_wrong_fact_is_counted_and_raises_nothing_in_production(broken: dict[str, Any]) -> None:
    with captured_leniently() as activities:
        assert emit("crm.view_deal", **broken) is None
    assert len(activities) == 0
    assert sum(prelude_otel.stats().problems.values()) == 1
    with capture_activities(), pytest.raises((ConfigurationError, TypeError, ValueError)):
        emit("crm.view_deal", **broken)


def test_an_unknown_name_in_a_block_lets_the_block_run() -> None:
    ran = []
    with captured_leniently() as activities:
        with record("crm.veiw_deal", deal_id=1) as a:
            ran.append(a.set(x=1))
        assert emit("crm.veiw_deal") is None
    assert ran
    assert len(activities) == 0
    with capture_activities(), pytest.raises(UnknownActivityError, match=r"did you mean 'crm\.view_deal'"):
        record("crm.veiw_deal").__enter__()


def test_without_instrument_blocks_and_facts_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with record("crm.send_email") as a:
        assert a.set(x=1).tag("y").result(z=1).pending() == ""
    assert emit("crm.send_email") is None
    assert complete("anything") is None
    assert caplog.text.count("call prelude_otel.instrument()") == 1


def test_current_activity_outside_of_one_takes_everything_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with capture_activities() as activities:
        for _ in range(3):
            nothing = current_activity()
            assert nothing.set(a=1).tag("b").result(c=2) is nothing
            assert nothing.pending() == ""
            assert complete("") is None
    assert len(activities) == 0
    assert caplog.text.count("outside an activity") == 1


def test_nested_blocks_are_each_an_activity() -> None:
    with capture_activities() as activities, record("crm.send_email", to_email="a@x.com"):
        with record("crm.generate_email", customer_id=1):
            current_activity().set(email_type="followup")
        current_activity().set(subject="s")
    inner, outer = activities
    assert inner.action_data == {"customer_id": 1, "email_type": "followup"}
    assert outer.action_data == {"to_email": "a@x.com", "subject": "s"}


def test_ruling_19_a_pending_activity_is_ended_by_a_second_record_that_names_it() -> None:
    app = FastAPI()

    @app.patch("/crm/deals/{deal_id}")
    @activity("crm.update_deal")
    def update(deal_id: int) -> str:
        set_user("u@x.com")
        return current_activity().pending()

    with running_service(app) as service:
        token = service.client.patch("/crm/deals/7", headers={"X-Session-ID": "s-1"}).json()
        event_id = complete(token, "timeout", updated_fields={"stage": "won"})
    first, second = service.activities
    assert first.result_status == "pending"
    assert second.event_id == event_id != first.event_id
    assert second.completes_event_id == first.event_id
    assert second.result_status == "timeout"
    for event in (first, second):
        assert (event.user_email, event.session_id, event.entity_id) == ("u@x.com", "s-1", "7")
        assert event.page_url == "/crm/deals/7"
    assert second.timestamp == first.timestamp
    assert (second.duration_ms or 0) > (first.duration_ms or 0)
    assert second.action_data == {"updated_fields": {"stage": "won"}}


def test_ruling_19_the_users_function_and_a_workers_user_are_in_the_token() -> None:
    app = FastAPI()

    @app.patch("/crm/deals/{deal_id}")
    @activity("crm.update_deal")
    def update(deal_id: int) -> str:
        return current_activity().pending()

    with running_service(app, user=lambda request: ("f@x.com", "f-1")) as service:
        complete(service.client.patch("/crm/deals/7").json())
        set_user("w@x.com", "w-1")
        with record("crm.update_deal", deal_id=8) as a:
            token = a.pending()
        set_user(None)
        complete(token)
    seen = [(event.user_email, event.session_id, event.entity_id) for event in service.activities]
    assert seen == [("f@x.com", "f-1", "7")] * 2 + [("w@x.com", "w-1", "8")] * 2


def test_ruling_19_a_failure_after_pending_is_the_failure() -> None:
    @activity("crm.update_deal")
    def update(deal_id: int) -> None:
        current_activity().pending()
        raise ValueError("x")

    with capture_activities() as activities, pytest.raises(ValueError, match="x"):
        update(8)
    assert activities.only().result_status == "error"


def test_ruling_19_another_process_ends_it() -> None:
    program = textwrap.dedent(
        """
        import json, sys, prelude_otel
        prelude_otel.instrument(endpoint=sys.argv[1], service_name=sys.argv[2])
        if sys.argv[2] == "web":
            prelude_otel.set_user("u@x.com", "s-1")
            with prelude_otel.record("crm.send_email", to_email="c@x.com") as a:
                print(json.dumps(a.pending()))
        else:
            print(json.dumps(prelude_otel.complete(json.loads(sys.argv[3]), "error", error_type="Bounced")))
        """
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PRELUDE_"))}
    environ["PRELUDE_SESSION_KEY"] = "the same in both"

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)
        assert done.stderr == ""
        return done.stdout.strip()

    with running_receiver() as receiver:
        token = run(receiver.url, "web")
        event_id = json.loads(run(receiver.url, "worker", token))
        first, second = (attributes_of(each) for each in receiver.records)
    assert first["prelude.result.status"] == "pending"
    assert second["log.record.uid"] == event_id
    assert second["prelude.completes"] == first["log.record.uid"]
    assert (second["prelude.result.status"], second["error.type"]) == ("error", "Bounced")
    assert (second["user.email"], second["session.id"]) == ("u@x.com", "s-1")
    assert second["prelude.span.duration_ns"] > first["prelude.span.duration_ns"]


@pytest.mark.parametrize("token", ["nonsense", "é", "bnVsbA", "A" * 100, "e30"])
def test_a_token_that_is_none_of_ours_is_refused_and_raises_nothing_in_production(token: str) -> None:
    with captured_leniently() as activities:
        assert complete(token) is None
    assert len(activities) == 0
    with capture_activities(), pytest.raises(ConfigurationError, match="no token"):
        complete(token)


def test_an_edited_token_is_refused() -> None:
    import base64

    with captured_leniently() as activities:
        set_user("aaaa@x.com")
        with record("crm.update_deal", deal_id=1) as a:
            token = a.pending()
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        assert b"aaaa@x.com" in raw
        edited = base64.urlsafe_b64encode(raw.replace(b"aaaa@x.com", b"boss@x.com")).decode().rstrip("=")
        assert complete(edited) is None
        assert complete(token) is not None
    assert "boss@x.com" not in {event.user_email for event in activities}


@pytest.mark.parametrize("status", ["pending", "done", ""])
def test_a_pending_activity_ends_in_one_of_three_ways(status: str) -> None:
    with capture_activities():
        with record("crm.update_deal", deal_id=1) as a:
            token = a.pending()
        with pytest.raises(ConfigurationError, match="ends in success, error or timeout"):
            complete(token, status)


def test_a_completion_inside_another_request_stays_the_first_ones() -> None:
    app = FastAPI()
    tokens: list[str] = []

    @app.patch("/crm/deals/{deal_id}")
    @activity("crm.update_deal")
    def update(deal_id: int) -> None:
        set_user("u@x.com", "s-1")
        tokens.append(current_activity().pending())

    @app.post("/webhook")
    def webhook() -> None:
        set_user("provider@mail.com", "hook")
        complete(tokens[0])

    with running_service(app) as service:
        service.client.patch("/crm/deals/7")
        service.post("/webhook")
    ended = service.activities[1]
    assert (ended.user_email, ended.session_id, ended.page_url) == ("u@x.com", "s-1", "/crm/deals/7")
