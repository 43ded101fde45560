from __future__ import annotations

import socket
from pathlib import Path

import pytest

from prelude_cli.up.ports import check_ports, choose_ports
from prelude_cli.up.settings import PORTS, Settings
from prelude_otel.errors import ConfigurationError


def settings(*, collector: bool = True, demo: bool = True, **ports: int) -> Settings:
    return Settings(
        data=Path("data"),
        ports=choose_ports(dict.fromkeys((each.key for each in PORTS), 0) | ports),
        database=None,
        collector=Path("otelcol") if collector else None,
        collector_config=Path("collector-config.yaml"),
        demo=demo,
        rows=None,
    )


def test_zero_takes_a_free_port_and_never_the_same_twice() -> None:
    chosen = choose_ports({"a": 0, "b": 0, "c": 4317})
    assert chosen["c"] == 4317
    assert len({*chosen.values(), 0}) == 4


def test_a_taken_port_is_named_with_the_flag_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            check_ports(settings(exporter_http=port))
    assert f"port {port} (exporter, OTLP/HTTP and health)" in str(refused.value)
    assert "--exporter-http-port PORT (or PRELUDE_EXPORTER_HTTP_PORT=PORT" in str(refused.value)


def test_a_port_that_this_run_does_not_use_may_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        check_ports(settings(collector=False, collector_http=port))
        check_ports(settings(demo=False, crm=port))


def test_one_port_for_two_parts_is_refused() -> None:
    wanted = settings(exporter_http=0)
    port = wanted.ports["exporter_grpc"]
    with pytest.raises(
        ConfigurationError, match=f"port {port} is given twice, by --exporter-grpc-port and by --crm-port"
    ):
        check_ports(settings(exporter_grpc=port, crm=port))


def test_services_send_to_the_collector_or_else_straight_to_the_exporter() -> None:
    assert settings(collector_http=4318).endpoint == "http://127.0.0.1:4318"
    assert settings(collector=False, exporter_http=4328).endpoint == "http://127.0.0.1:4328"
