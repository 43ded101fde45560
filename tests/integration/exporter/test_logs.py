"""What a real exporter logs, in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import grpc
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.exporter.conftest import Exporter, activity, logs
from tests.support.postgres import PASSWORD, PASSWORD_LOGIN, SERVER_URL

Start = Callable[..., Exporter]


@pytest.mark.skipif(SERVER_URL in os.environ, reason="another server may have no such login")
def test_each_line_is_an_object_and_a_trouble_is_not_said_with_each_request(start: Start, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'GRANT prelude_writer TO "{PASSWORD_LOGIN}"')
        try:
            exporter = start(make_conninfo(database, user=PASSWORD_LOGIN, password=PASSWORD), "--log-format", "json")
            assert exporter.post(logs(activity(1))).status == 200
            connection.execute(f'REVOKE prelude_writer FROM "{PASSWORD_LOGIN}"')
            assert [exporter.post(logs(activity(number))).status for number in range(2, 12)] == [503] * 10
            code, said = exporter.stop()
        finally:
            connection.execute(f'REVOKE prelude_writer FROM "{PASSWORD_LOGIN}"')
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    assert lines[0]["message"] == "listening"
    assert lines[0]["http"] == exporter.http
    assert lines[-1]["message"] == "stopped"
    assert sum(line["level"] == "error" for line in lines) <= 2
    assert PASSWORD not in said


def test_a_request_that_is_refused_for_good_is_said_with_its_sender_and_once(start: Start, database: str) -> None:
    exporter = start(database, "--log-format", "json")
    assert [exporter.post(b"no OTLP").status for _ in range(5)] == [400] * 5
    with pytest.raises(grpc.RpcError):
        exporter.call(b"no OTLP")
    lines = [json.loads(line) for line in exporter.stop()[1].splitlines()]
    warnings = [line for line in lines if line["level"] == "warning"]
    assert [line.get("repeated") for line in warnings] == [None, 5]
    assert "by http from 127.0.0.1 was answered malformed: these 7 bytes are no OTLP request" in warnings[0]["message"]
    assert "by grpc from 127.0.0.1" in warnings[1]["message"]
