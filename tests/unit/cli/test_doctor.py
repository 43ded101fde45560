from __future__ import annotations

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from click.testing import CliRunner

import prelude_cli.doctor
from prelude_cli import causes
from prelude_cli.collector.checks import checks as collector_checks
from prelude_cli.doctor import command
from prelude_otel.errors import StoreUnavailableError
from tests.unit.docs.blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Found = tuple[str, bool | None, str, str]
seen: dict[str, str] = {}


def well(context: dict[str, str]) -> Iterator[Found]:
    seen.update(context)
    yield "port", True, "it answers", ""


def ill(context: dict[str, str]) -> Iterator[Found]:
    yield "schema", False, "the schema is missing", "Run: prelude store migrate"


def unknown(context: dict[str, str]) -> Iterator[Found]:
    yield "probe landed", None, "no database URL is known here", "Give --database-url"


def away(context: dict[str, str]) -> Iterator[Found]:
    yield "port", True, "it answers", ""
    raise StoreUnavailableError("the database went away")


def broken(context: dict[str, str]) -> Iterator[Found]:
    raise ZeroDivisionError("division by zero")


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found: dict[str, str] = {}
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(
        prelude_cli.doctor,
        "entry_points",
        lambda group: [
            EntryPoint(name, f"{__name__}:{value}" if ":" not in value else value, group)
            for name, value in found.items()
        ],
    )
    return found


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    for name in (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "PRELUDE_EXPORTER_URL",
        "PRELUDE_COLLECTOR_HEALTH_URL",
        "PRELUDE_COLLECTOR_METRICS_URL",
        "PRELUDE_COLLECTOR_STORAGE",
        "PRELUDE_DATABASE_URL",
        "OTELCOL",
    ):
        monkeypatch.delenv(name, raising=False)


def test_what_is_wrong_is_said_with_what_mends_it_and_exit_code_1(rooms: dict[str, str]) -> None:
    rooms |= {"exporter": "well", "store": "ill"}
    said = CliRunner().invoke(command, [])
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        "The exporter",
        "  ok     port             it answers",
        "",
        "The store",
        "  WRONG  schema           the schema is missing",
        "                          → Run: prelude store migrate",
        "",
        "1 of 2 checks found something wrong.",
        "",
        "Cause: store: schema. the schema is missing",
        "  → Run: prelude store migrate",
    ]


def test_what_could_not_be_tried_is_no_fault(rooms: dict[str, str]) -> None:
    rooms |= {"store": "unknown"}
    said = CliRunner().invoke(command, [])
    assert said.exit_code == 0
    assert said.stdout.splitlines()[1].startswith("  ?      probe landed     no database")


def test_rooms_are_asked_in_the_order_of_an_activitys_way(rooms: dict[str, str]) -> None:
    rooms |= dict.fromkeys(("zebra", "store", "exporter", "collector", "emit"), "well")
    said = json.loads(CliRunner().invoke(command, ["--json"]).stdout)
    assert [each["room"] for each in said["checks"]] == ["emit", "collector", "exporter", "store", "zebra"]


def test_a_machine_reads_the_same(rooms: dict[str, str]) -> None:
    rooms |= {"store": "ill"}
    said = CliRunner().invoke(command, ["--json"])
    assert said.exit_code == 1
    finding = {
        "room": "store",
        "name": "schema",
        "ok": False,
        "said": "the schema is missing",
        "remedy": "Run: prelude store migrate",
        "follows_from": [],
    }
    assert json.loads(said.stdout) == {"ok": False, "causes": ["store: schema"], "checks": [finding]}


def test_one_rooms_fault_does_not_hide_what_the_others_found(rooms: dict[str, str]) -> None:
    rooms |= {"emit": "broken", "exporter": "away", "store": "ill", "other": "a_module_that_nobody_has:checks"}
    said = json.loads(CliRunner().invoke(command, ["--json"]).stdout)["checks"]
    assert [(each["room"], each["ok"]) for each in said] == [
        ("emit", False),
        ("exporter", True),
        ("exporter", False),
        ("store", False),
        ("other", None),
    ]
    assert "ZeroDivisionError" in said[0]["said"]
    assert said[2]["said"] == "the database went away"
    assert "pip install 'prelude-otel[" in said[4]["said"]


def test_the_rooms_are_told_where_things_usually_are_and_a_fresh_probe_id(rooms: dict[str, str]) -> None:
    rooms |= {"emit": "well"}
    CliRunner().invoke(command, ["--app", "service:app"])
    assert UUID(seen.pop("probe_id"))
    assert seen == {
        "endpoint": "http://127.0.0.1:4318",
        "exporter_http": "http://127.0.0.1:4328",
        "collector_health": "http://127.0.0.1:13133",
        "collector_metrics": "http://127.0.0.1:8888/metrics",
        "database_url": "",
        "app": "service:app",
    }


def test_beside_a_running_up_the_doctor_knows_its_addresses_and_flags_still_win(
    rooms: dict[str, str], tmp_path: Path
) -> None:
    rooms |= {"emit": "well"}
    (tmp_path / ".prelude").mkdir()
    known = {
        "endpoint": "http://127.0.0.1:1",
        "database_url": "postgresql://x/y",
        "collector_health": "",
        "exporter_http": "http://127.0.0.1:2",
    }
    (tmp_path / ".prelude" / "running.json").write_text(json.dumps(known))
    CliRunner().invoke(command, ["--exporter-http", "http://127.0.0.1:3"])
    assert {key: seen[key] for key in known} == known | {"exporter_http": "http://127.0.0.1:3"}


def no_way(context: dict[str, str]) -> Iterator[Found]:
    yield "endpoint", False, "nobody listens at http://me:hunter2@collector:4318", "start it, with password=hunter2"


def collector_away(context: dict[str, str]) -> Iterator[Found]:
    yield "health", False, "no answer", "start it"


def no_probe(context: dict[str, str]) -> Iterator[Found]:
    seen.update(context)
    yield "database", True, "it answers", ""
    yield "probe landed", False, "it did not land", "look above"


def test_causes_are_told_from_what_follows_from_them(rooms: dict[str, str]) -> None:
    rooms |= {"emit": "no_way", "collector": "collector_away", "store": "no_probe"}
    said = CliRunner().invoke(command, [])
    *_, count, _, cause, remedy, _, consequences = said.stdout.splitlines()
    assert count == "3 of 4 checks found something wrong."
    assert (cause, remedy) == ("Cause: collector: health. no answer", "  → start it")
    assert consequences.startswith(
        "What follows from it, and passes with it: emit: endpoint (from collector: health); "
    )
    assert consequences.endswith("store: probe landed (from emit: endpoint and collector: health).")
    found = json.loads(CliRunner().invoke(command, ["--json"]).stdout)
    assert found["causes"] == ["collector: health"]
    assert [each["follows_from"] for each in found["checks"]] == [
        ["collector: health"],
        [],
        [],
        ["emit: endpoint", "collector: health"],
    ]


def test_a_probe_that_was_not_taken_is_not_waited_for(rooms: dict[str, str]) -> None:
    rooms |= {"emit": "no_way", "store": "no_probe"}
    CliRunner().invoke(command, [])
    assert seen["probe_id"] == ""


def test_no_secret_is_shown(rooms: dict[str, str]) -> None:
    rooms |= {"emit": "no_way"}
    said = CliRunner().invoke(command, []).stdout + CliRunner().invoke(command, ["--json"]).stdout
    assert "collector:4318" in said
    assert "hunter2" not in said


def test_what_may_follow_is_named_as_the_rooms_name_it() -> None:
    rooms = (ROOT / "src", ROOT / "exporter")
    sources = "".join(path.read_text(encoding="utf-8") for room in rooms for path in room.rglob("checks*.py"))
    named = {name for name, others in causes._MAY_FOLLOW_FROM.items() for name in (name, *others)}
    assert [name for _, name in named if f'"{name}"' not in sources] == []


def test_a_collector_that_does_not_run_is_found_out_with_how_to_start_it() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    healthy, *_rest = collector_checks({"endpoint": "http://127.0.0.1:1", "collector_health": url, "exporter_http": ""})
    assert healthy[1] is False
    assert healthy[2] == f"{url} does not answer"
    assert "start it: prelude up" in healthy[3]


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_the_collectors_health_is_what_its_health_check_says(status: int, well: bool) -> None:
    with answering(status) as url:
        healthy, *_rest = collector_checks({"endpoint": url, "collector_health": url, "exporter_http": ""})
    assert healthy[1] is well


def test_where_services_send_straight_to_the_exporter_a_missing_collector_is_no_fault() -> None:
    with answering(200) as url:
        context = {"endpoint": url, "exporter_http": f"{url}/", "collector_health": f"http://127.0.0.1:{closed_port()}"}
        healthy, *_rest = collector_checks(context)
    assert healthy[1] is None


@pytest.mark.parametrize("endpoint", ["http://collector.internal:4318", "http://127.0.0.1:99999x", "", "http://[::1"])
def test_a_collector_that_can_not_be_asked_is_not_asked(rooms: dict[str, str], endpoint: str) -> None:
    rooms |= {"emit": "well"}
    CliRunner().invoke(command, ["--endpoint", endpoint])
    assert seen["collector_health"] == ("http://127.0.0.1:13133" if "127.0.0.1" in endpoint else "")
    assert list(collector_checks({"endpoint": endpoint, "collector_health": ""})) == []


class answering:  # noqa: N801 (reads as a statement)
    """An HTTP server that answers each GET with one status."""

    def __init__(self, status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])
