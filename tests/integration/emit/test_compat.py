"""Old call sites change one import, and are never disturbed."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest

import prelude_otel
from prelude_otel import state
from prelude_otel.compat import CRMActivityLogger, UserActivityLogger, crm_activity_logger
from prelude_otel.testing import capture_activities
from tests.support.captured import captured_leniently
from tests.support.otlp_receiver import attributes_of, running_receiver

USER = "user@company.com"

# number of the reference: method, arguments, action name, entity type, entity id, page, action data
METHODS: dict[str, tuple[str, dict[str, Any], str, str, str | None, str, dict[str, Any]]] = {
    "1.1": (
        "log_customers_list_view",
        {"customer_count": 50},
        "view_customers_list",
        "customer",
        None,
        "/crm/customers",
        {"customer_count": 50},
    ),
    "1.2": (
        "log_customer_view",
        {"customer_id": 123},
        "view_customer",
        "customer",
        "123",
        "/crm/customers/123",
        {"customer_id": 123},
    ),
    "1.3": (
        "log_customers_search",
        {"search_query": "acme corp", "results_count": 5},
        "search_customers",
        "customer",
        None,
        "/crm/customers/search",
        {"search_query": "acme corp", "results_count": 5},
    ),
    "2.1": (
        "log_deals_list_view",
        {"deal_count": 25},
        "view_deals_list",
        "deal",
        None,
        "/crm/deals",
        {"deal_count": 25},
    ),
    "2.2": (
        "log_deal_view",
        {"deal_id": 456, "customer_id": 123},
        "view_deal",
        "deal",
        "456",
        "/crm/deals/456",
        {"customer_id": 123},
    ),
    "2.3": (
        "log_deal_create",
        {"deal_id": 789, "deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123},
        "create_deal",
        "deal",
        "789",
        "/crm/deals",
        {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123, "customer_id": 123},
    ),
    "2.4": (
        "log_deal_update",
        {"deal_id": 4, "updated_fields": {"stage": "negotiation", "value_usd": "75000.0"}},
        "update_deal",
        "deal",
        "4",
        "/crm/deals/4",
        {"updated_fields": {"stage": "negotiation", "value_usd": 75000.0}},
    ),
    "2.5": ("log_deal_delete", {"deal_id": 4}, "delete_deal", "deal", "4", "/crm/deals/4", {}),
    "2.6": (
        "log_deal_note_create",
        {"deal_id": 456, "note_id": 9},
        "create_deal_note",
        "note",
        "9",
        "/crm/deals/456/activities",
        {"deal_id": 456},
    ),
    "2.7": (
        "log_deal_note_delete",
        {"deal_id": 456, "note_id": 9},
        "delete_deal_note",
        "note",
        "9",
        "/crm/deals/456/activities",
        {"deal_id": 456},
    ),
    "2.8": (
        "log_deal_call_summary_create",
        {"deal_id": 456, "interaction_id": 9},
        "create_deal_call_summary",
        "interaction",
        "9",
        "/crm/deals/456/activities",
        {"deal_id": 456, "type": "call"},
    ),
    "2.9": (
        "log_deal_call_summary_delete",
        {"deal_id": 456, "interaction_id": 9},
        "delete_deal_call_summary",
        "interaction",
        "9",
        "/crm/deals/456/activities",
        {"deal_id": 456, "type": "call"},
    ),
    "2.10": (
        "log_deal_meeting_create",
        {"deal_id": 456, "interaction_id": 9, "meeting_title": "Quarterly Business Review"},
        "create_deal_meeting",
        "interaction",
        "9",
        "/crm/deals/456/activities",
        {"deal_id": 456, "type": "meeting", "meeting_title": "Quarterly Business Review"},
    ),
    "2.11": (
        "log_deal_activities_view",
        {"deal_id": 456, "activities_count": 15},
        "view_deal_activities",
        "deal",
        "456",
        "/crm/deals/456/activities",
        {"activities_count": 15},
    ),
    "3.1": (
        "log_email_generate",
        {"customer_id": 123, "email_type": "followup"},
        "generate_email",
        "email",
        None,
        "/crm/email/generate",
        {"customer_id": 123, "email_type": "followup"},
    ),
    "3.2": (
        "log_email_send",
        {"to_email": "c@x.com", "subject": "s", "customer_id": 123, "deal_id": 456, "method": "gmail_api"},
        "send_email",
        "email",
        None,
        "/crm/email/send",
        {"to_email": "c@x.com", "subject": "s", "customer_id": 123, "deal_id": 456, "method": "gmail_api_v2"},
    ),
    "4.1": (
        "log_interaction_summary_generate",
        {"customer_id": 123, "days_back": 30, "agent_used": "NextActionInsightAgent", "interactions_analyzed": 15},
        "generate_interaction_summary",
        "summary",
        None,
        "/crm/customers/123/summary",
        {"customer_id": 123, "days_back": 30, "agent_used": "NextActionInsightAgent", "interactions_analyzed": 15},
    ),
    "4.2": (
        "log_interaction_summary_view",
        {"customer_id": 123, "from_cache": True},
        "view_interaction_summary",
        "summary",
        None,
        "/crm/customers/123/summary",
        {"customer_id": 123, "from_cache": True},
    ),
}


@pytest.mark.parametrize("number", METHODS)
def test_each_of_the_eighteen_has_its_method(number: str) -> None:
    method, arguments, name, entity, entity_id, page, data = METHODS[number]
    with capture_activities() as activities:
        assert getattr(crm_activity_logger, method)(USER, **arguments, session_id="session-abc", tags=["old"]) is True
    event = activities.only()
    assert (event.name, event.entity_type, event.entity_id) == (f"crm.{name}", entity, entity_id)
    assert (event.page_url, event.action_data, event.result_data) == (page, data, {})
    assert (event.user_email, event.session_id, event.tags) == (USER, "session-abc", ("old",))
    assert event.result_status == "success"


def test_there_are_eighteen_methods() -> None:
    methods = {name for name in vars(CRMActivityLogger) if name.startswith("log_")}
    assert methods == {row[0] for row in METHODS.values()}


def test_ruling_17_the_references_own_calls_word_for_word() -> None:
    with capture_activities() as activities:
        logger = UserActivityLogger()
        logger.log_activity(
            user_email="user@company.com",
            action_type="crm",  # or your service type
            action_name="custom_action",
            action_data={"key": "value"},
            result_status="success",
        )
        crm_activity_logger.log_customer_view(
            user_email="user@company.com",
            customer_id=123,
            session_id="session-abc",
        )
        crm_activity_logger.log_deal_create(
            user_email="user@company.com",
            deal_id=456,
            deal_name="Enterprise Deal",
            value_usd=50000.0,
            client_id=123,
        )
        crm_activity_logger.log_email_send(
            user_email="user@company.com",
            to_email="customer@company.com",
            subject="Follow-up",
            customer_id=123,
            method="gmail_api",
        )
    custom, view, create, send = activities
    assert (custom.name, custom.action_data) == ("crm.custom_action", {"key": "value"})
    assert (view.entity_id, view.session_id, view.action_data) == ("123", "session-abc", {"customer_id": 123})
    assert create.action_data["customer_id"] == 123
    assert send.action_data["method"] == "gmail_api_v2"
    assert {event.user_email for event in activities} == {"user@company.com"}


def test_log_activity_takes_every_column_of_the_references_table() -> None:
    with capture_activities() as activities:
        assert UserActivityLogger("host", port=5432).log_activity(
            "U@X.com",
            "chat",
            "Send-Message",
            action_category="ai",
            session_id="s",
            page_url="/chat",
            service_name="crm-service",
            user_agent="agent",
            ip_address="203.0.113.7",
            action_data={"a": 1},
            result_status="timeout",
            result_data={"b": 2},
            duration_ms=12,
            tags=["x"],
            entity_type="thread",
            entity_id=5,
        )
    event = activities.only()
    assert (event.action_type, event.action_name, event.action_category) == ("chat", "send_message", "ai")
    assert (event.entity_type, event.entity_id, event.page_url) == ("thread", "5", "/chat")
    assert (event.action_data, event.result_data, event.result_status) == ({"a": 1}, {"b": 2}, "timeout")
    assert (event.ip_address, event.user_agent, event.duration_ms, event.tags) == ("203.0.113.7", "agent", 12, ("x",))


@pytest.mark.parametrize("action_type", ["authentication", "navigation", "chat", "lead_generation", "export"])
def test_ruling_15_actions_of_other_types_are_logged_too(action_type: str) -> None:
    with capture_activities() as activities:
        assert UserActivityLogger().log_activity(USER, action_type, "something")
    assert activities.only().name == f"{action_type}.something"


class Nasty:
    """Raises whatever is asked of it."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("nasty")

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __eq__ = __format__ = _raise
    __hash__ = None  # type: ignore[assignment]
    keys = __getitem__ = __int__ = __float__ = __lt__ = _raise


ODD: list[Any] = [None, 7, "", "text", [], [1], {}, object(), Nasty(), float("nan"), 10**400, b"\xff", "\ud800", "a\0b"]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_whatever_is_given_nothing_is_raised(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    columns = UserActivityLogger.log_activity.__annotations__.keys() - {"return"}
    logger = UserActivityLogger()
    with captured_leniently(), caplog.at_level(logging.CRITICAL):
        for column in columns:
            given_columns: dict[str, Any] = {"user_email": USER, "action_type": "crm", "action_name": "custom"}
            assert logger.log_activity(**(given_columns | {column: value})) in (True, False)
        for method, arguments, *_ in METHODS.values():
            log = getattr(crm_activity_logger, method)
            for name in [*arguments, "session_id", "action_data", "result_status", "nonsense"]:
                assert log(USER, **(arguments | {name: value})) in (True, False)
            assert log(value, **arguments) in (True, False)


def test_what_could_not_be_logged_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with captured_leniently() as activities:
        assert UserActivityLogger().log_activity(USER, "sales", "x") is False
        assert crm_activity_logger.log_deal_view(USER, 1, nonsense=1) is False
        assert UserActivityLogger().log_activity(USER, "crm", "x", result_status="done") is False
    assert len(activities) == 0
    assert len(caplog.records) == 3


def test_names_from_users_do_not_fill_the_memory() -> None:
    from prelude_otel import compat

    with captured_leniently():
        for number in range(3000):
            UserActivityLogger().log_activity(USER, "crm", f"action {number}")
            UserActivityLogger().log_activity(USER, "sales", f"action {number}")
    assert len(compat._ad_hoc) <= 1024
    assert len(prelude_otel.stats().problems) < 10


def test_no_socket_is_opened_by_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the caller opened a socket")

    import threading

    caller, real = threading.current_thread(), socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if threading.current_thread() is caller:
            refuse()
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    prelude_otel.instrument(service_name="crm-service")
    for number in range(50):
        assert crm_activity_logger.log_deal_delete(USER, number)
    assert prelude_otel.stats().emitted == 50


def test_the_first_call_instruments_and_a_later_instrument_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        assert UserActivityLogger().log_activity(USER, "crm", "first", service_name="old-service")
        assert state.runtime is not None
        prelude_otel.instrument(service_name="new-service")
        assert UserActivityLogger().log_activity(USER, "crm", "second")
        assert prelude_otel.flush(20)
        services = [attributes_of(request.resource_logs[0].resource)["service.name"] for request in receiver.logs]
        names = [record.event_name for record in receiver.records]
    assert names == ["prelude.crm.first", "prelude.crm.second"]
    assert services == ["old-service", "new-service"]


def test_another_service_name_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    prelude_otel.instrument(service_name="crm-service")
    for _ in range(3):
        assert UserActivityLogger().log_activity(USER, "crm", "x", service_name="other")
    assert caplog.text.count("its rows carry the latter") == 1


def test_bad_settings_raise_nothing_at_an_old_call_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
    assert crm_activity_logger.log_deal_view(USER, 1) is False
    assert state.runtime is None
