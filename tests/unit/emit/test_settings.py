"""Settings come from arguments, then PRELUDE_*, then OTEL_*; wrong ones say what is allowed; secrets stay hidden."""

from __future__ import annotations

import os
import re
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from prelude_otel.errors import ConfigurationError
from prelude_otel.settings import read_settings

read = partial(read_settings, environ={})


def test_everything_has_a_default() -> None:
    settings = read()
    assert settings.logs_url == "http://localhost:4318/v1/logs"
    assert settings.traces_url == "http://localhost:4318/v1/traces"
    assert (settings.protocol, settings.compression, settings.events) == ("http/protobuf", "none", "log")
    assert (settings.session_header, settings.session_cookie) == (b"x-session-id", "session_id")
    assert (settings.timeout_s, settings.insecure, settings.disabled) == (10.0, True, False)
    assert settings.service_name is None
    assert settings.catalogue == ()
    assert settings.trusted_proxies == ()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/"}, {"logs_url": "http://c:1/v1/logs"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/base"}, {"traces_url": "http://c:1/base/v1/traces"}),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://c:2/own", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"},
            {"logs_url": "http://c:2/own", "traces_url": "http://c:1/v1/traces"},
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:3/own"}, {"traces_url": "http://t:3/own"}),
        ({"PRELUDE_ENDPOINT": "http://p:1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"}, {"endpoint": "http://p:1"}),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"protocol": "grpc", "endpoint": "http://localhost:4317"}),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
            {"endpoint": "http://collector:4317", "insecure": True},
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://l:1"},
            {"endpoint": "https://l:1", "insecure": False},
        ),
        ({"OTEL_EXPORTER_OTLP_INSECURE": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c"}, {"insecure": True}),
        ({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL": "x"}, {"protocol": "grpc"}),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1, b = x%20y,"}, {"headers": {"a": "1", "b": "x y"}}),
        ({"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=2", "OTEL_EXPORTER_OTLP_HEADERS": "a=1"}, {"headers": {"a": "2"}}),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "3"}, {"timeout_s": 3.0}),
        ({"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "2.5", "OTEL_EXPORTER_OTLP_TIMEOUT": "3"}, {"timeout_s": 2.5}),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP"}, {"compression": "gzip"}),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem"}, {"certificate": "/ca.pem"}),
        ({"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/c.pem"}, {"client_certificate": "/c.pem"}),
        ({"OTEL_EXPORTER_OTLP_CLIENT_KEY": "/k.pem"}, {"client_key": "/k.pem"}),
        ({"OTEL_BLRP_SCHEDULE_DELAY": "200"}, {"linger_s": 0.2}),
        ({"OTEL_SDK_DISABLED": "True"}, {"disabled": True}),
        ({"OTEL_TRACES_EXPORTER": "none"}, {"export_spans": False}),
        ({"PRELUDE_SERVICE_NAME": "crm"}, {"service_name": "crm"}),
        ({"PRELUDE_EVENTS": "span"}, {"events": "span"}),
        ({"PRELUDE_CATALOGUE": f"/a.toml{os.pathsep}/b.yaml"}, {"catalogue": (Path("/a.toml"), Path("/b.yaml"))}),
        ({"PRELUDE_SESSION_HEADER": "X-Sid"}, {"session_header": b"x-sid"}),
        ({"PRELUDE_SESSION_COOKIE": "sid"}, {"session_cookie": "sid"}),
        ({"PRELUDE_SESSION_KEY": "pepper"}, {"session_key": b"pepper"}),
        (
            {"PRELUDE_TRUSTED_PROXIES": "10.0.0.0/8, ::1"},
            {"trusted_proxies": (ip_network("10.0.0.0/8"), ip_network("::1"))},
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_variable_is_read(variables: dict[str, str], expected: dict[str, Any]) -> None:
    settings = read_settings(environ=variables)
    assert {name: getattr(settings, name) for name in expected} == expected


def test_arguments_come_before_every_variable() -> None:
    environ = {
        "PRELUDE_ENDPOINT": "http://p:1",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l:1",
        "PRELUDE_SERVICE_NAME": "a",
        "PRELUDE_EVENTS": "span",
        "PRELUDE_SESSION_KEY": "a",
        "PRELUDE_CATALOGUE": "/a.toml",
        "PRELUDE_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    settings = read_settings(
        environ=environ,
        endpoint="http://e:1",
        service_name="b",
        events="log",
        session_key=b"b",
        catalogue=["/b.toml"],
        trusted_proxies=("127.0.0.1",),
    )
    assert (settings.logs_url, settings.service_name, settings.events) == ("http://e:1/v1/logs", "b", "log")
    assert (settings.session_key, settings.catalogue) == (b"b", (Path("/b.toml"),))
    assert settings.trusted_proxies == (ip_network("127.0.0.1"),)


def test_an_empty_variable_is_as_if_it_were_not_set() -> None:
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "PRELUDE_EVENTS", "PRELUDE_CATALOGUE")
    assert read_settings(environ=dict.fromkeys((*names, "OTEL_EXPORTER_OTLP_TIMEOUT"), "")) == read()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, r"OTEL_EXPORTER_OTLP_PROTOCOL='http/json': choose one of"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, r"'localhost:4318' is no URL like http://localhost:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x"}, r"'ftp://x' is no URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:port"}, r"'http://x:port' is no URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:99999"}, r"'http://x:99999' is no URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, r"'http://\[::1' is no URL"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "nowhere"}, r"'nowhere' is no URL"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "nowhere"}, r"'nowhere' is no URL"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1,b"}, r"OTEL_EXPORTER_OTLP_HEADERS: entry 2 is not key=value"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=%E2%82%AC"}, r"OTEL_EXPORTER_OTLP_HEADERS: entry 1"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1%0Ab"}, r"OTEL_EXPORTER_OTLP_HEADERS: entry 1"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a b=1"}, r"OTEL_EXPORTER_OTLP_HEADERS: entry 1"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, r"OTEL_EXPORTER_OTLP_TIMEOUT='soon' is not a number of zero or more"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "-1"}, r"OTEL_EXPORTER_OTLP_TIMEOUT='-1'"),
        ({"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "nan"}, r"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT='nan'"),
        ({"OTEL_BLRP_SCHEDULE_DELAY": "inf"}, r"OTEL_BLRP_SCHEDULE_DELAY='inf'"),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "br"}, r"OTEL_EXPORTER_OTLP_COMPRESSION='br': choose 'gzip' or 'none'"),
        ({"OTEL_EXPORTER_OTLP_INSECURE": "maybe"}, r"OTEL_EXPORTER_OTLP_INSECURE='maybe'"),
        ({"PRELUDE_EVENTS": "logs"}, r"events='logs': choose 'log' \(log records\) or 'span'"),
        (
            {"PRELUDE_TRUSTED_PROXIES": "10.0.0.0/33"},
            r"trusted_proxies: .*10\.0\.0\.0/33.*; give addresses or networks",
        ),
        ({"PRELUDE_TRUSTED_PROXIES": "proxy.local"}, r"trusted_proxies: .*proxy\.local"),
        ({"PRELUDE_SESSION_HEADER": "größe€"}, r"session_header='größe€'|PRELUDE_SESSION_HEADER"),
        ({"PRELUDE_SESSION_HEADER": "X Session"}, r"'X Session'"),
    ],
    ids=lambda value: "=".join(next(iter(value.items()))) if isinstance(value, dict) else None,
)
def test_a_wrong_variable_raises_and_says_what_is_allowed(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_settings(environ=variables)


def test_a_secret_header_is_not_in_the_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(environ={"OTEL_EXPORTER_OTLP_HEADERS": "Bearer s3cret"})
    assert "s3cret" not in str(caught.value)


async def _ask(request: Any) -> str:
    return "u@x.com"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user": "u@x.com"}, r"user='u@x\.com' must be a plain function of the request"),
        ({"user": _ask}, r"call set_user\(\) in that dependency"),
        ({"events": "span", "logger_provider": object()}, r"events='span' uses no logger; leave logger_provider out"),
        ({"endpoint": "collector"}, r"'collector' is no URL"),
        ({"trusted_proxies": ["10.0.0.0/8", "x"]}, r"trusted_proxies: 'x'"),
    ],
)
def test_a_wrong_argument_raises_and_says_what_is_allowed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(**arguments)


def test_no_secret_is_in_the_repr() -> None:
    settings = read_settings(environ={"OTEL_EXPORTER_OTLP_HEADERS": "authorization=s3cret"}, session_key="p3pper")
    assert not re.search("s3cret|p3pper", repr(settings))


def test_equal_settings_are_the_same_call() -> None:
    arguments: dict[str, Any] = {"service_name": "crm", "catalogue": "/a.toml", "trusted_proxies": "10.0.0.0/8"}
    assert read(**arguments) == read(**arguments)
    assert read() != read(service_name="other")
