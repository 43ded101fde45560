"""What a process is told: lists as people write them, and what makes no sense."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from prelude_analytics.command import _with_password
from prelude_analytics.settings import Settings, listed
from prelude_otel.errors import ConfigurationError
from prelude_otel.secrets import masked


@pytest.mark.parametrize(
    "given",
    [("a.example,b.example",), ("a.example b.example",), (" a.example, b.example ,",), ("a.example", "b.example")],
)
def test_lists_have_commas_or_spaces(given: tuple[str, ...]) -> None:
    assert listed(given) == ("a.example", "b.example")


@pytest.mark.parametrize("name", ["*", "https://crm.example.com", "crm.example.com:8000", "crm.example.com/x", ""])
def test_an_allowed_host_is_a_name_alone(name: str) -> None:
    with pytest.raises(ConfigurationError, match="host"):
        Settings(database_url="", allowed_hosts=(name,))
    Settings(database_url="", allowed_hosts=("crm.example.com", ".example.com", "[::1]"))


@pytest.mark.parametrize("proxy", ["*", "proxy.internal", "10.0.0.1/8"])
def test_a_trusted_proxy_is_an_address_or_a_network(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/8"):
        Settings(database_url="", trusted_proxies=(proxy,))
    Settings(database_url="", trusted_proxies=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    "url",
    [
        "tempo",
        "https://tempo.example/trace/",
        "javascript:{trace_id}",
        "https:///{trace_id}",
        "http://[x/{trace_id}",
    ],
)
def test_a_link_to_traces_is_an_address_with_a_place_for_the_id(url: str) -> None:
    with pytest.raises(ConfigurationError, match="leads to no trace"):
        Settings(database_url="", trace_url=url)
    Settings(database_url="", trace_url="https://tempo.example/trace/{trace_id}?org=1")


@pytest.mark.parametrize(
    "text",
    [
        "GET /x?q=prelude_a_aaaaaaaaaa_{} HTTP/1.1",
        "cookie: a=b; prelude_session=aaaaaaaaaa.{}",
        "set-cookie: __Host-prelude_session=aaaaaaaaaa.{}; Path=/",
        "Authorization: Bearer prelude_a_aaaaaaaaaa_{}",
        "sender prelude_{} refused",
        "'prelude_a_aaaaaaaaaa_{}'",
    ],
)
def test_our_own_tokens_and_cookies_are_masked_wherever_they_stand(text: str) -> None:
    secret = "-x_Y9" * 8 + "abc"
    assert len(secret) == 43
    assert secret not in masked(text.format(secret))
    assert masked("relation prelude_analytics_requests_by_route_and_status_total") == (
        "relation prelude_analytics_requests_by_route_and_status_total"
    )


@pytest.mark.parametrize(
    "address", ["127.0.0.1:4328", "http://user:secret@host", "http://host/metrics", "file:///etc/passwd"]
)
def test_an_exporter_is_asked_at_a_host_and_port_alone(address: str) -> None:
    with pytest.raises(ConfigurationError, match="exporter"):
        Settings(database_url="", exporter_url=address)
    Settings(database_url="", exporter_url="http://exporter:4328/")


@pytest.mark.parametrize("address", ["javascript:{trace_id}", "https://jaeger.example.com/", "/trace/{trace_id}"])
def test_a_trace_is_looked_at_by_its_id_on_the_web(address: str) -> None:
    with pytest.raises(ConfigurationError, match="trace_id"):
        Settings(database_url="", trace_url=address)
    Settings(database_url="", trace_url="https://jaeger.example.com/trace/{trace_id}?uiFind={span_id}")


def test_the_password_of_the_login_for_the_quarantine_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PRELUDE_CARE_PASSWORD", raising=False)
    assert _with_password("") == ""
    assert "password" not in _with_password("postgresql://care@host/log")
    monkeypatch.setenv("PRELUDE_CARE_PASSWORD", "it's secret")
    assert conninfo_to_dict(_with_password("postgresql://care@host/log"))["password"] == "it's secret"
    with pytest.raises(ConfigurationError, match="PRELUDE_CARE_DATABASE_URL"):
        _with_password("nowhere at all")
