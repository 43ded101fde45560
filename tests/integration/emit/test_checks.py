"""What `prelude doctor` hears from the emit room."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prelude_otel.checks import checks
from tests.support.emit_state import NOBODY
from tests.support.otlp_receiver import Answer, attributes_of, running_receiver

PROBE = "0198c0de-0000-7000-8000-00000000000a"


def findings(endpoint: str, app: str = "") -> dict[str, tuple[bool | None, str, str]]:
    """Findings by name."""
    return {name: (ok, said, remedy) for name, ok, said, remedy in checks(context(endpoint, app))}


def context(endpoint: str, app: str) -> dict[str, str]:
    return {"endpoint": endpoint, "probe_id": PROBE, "app": app, "exporter_http": "", "database_url": ""}


@pytest.fixture
def write_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Writes a module `shop_under_test`; gives nothing."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_under_test", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(body: str) -> None:
        head = "from fastapi import FastAPI\nimport prelude_otel\nfrom prelude_otel import activity\napp = FastAPI()\n"
        (tmp_path / "shop_under_test.py").write_text(head + body)

    return write


def test_a_probe_is_sent_and_marked() -> None:
    with running_receiver() as receiver:
        assert all(ok for ok, _, _ in findings(receiver.url).values())
        (record,) = receiver.records
    assert record.event_name == "prelude.probe"
    assert attributes_of(record)["prelude.probe.id"] == PROBE
    assert record.time_unix_nano > 0


def test_nobody_listening_is_said_with_the_remedy() -> None:
    ok, said, remedy = findings(NOBODY)["endpoint"]
    assert ok is False
    assert NOBODY in said
    assert "start the Collector" in remedy


@pytest.mark.parametrize("status", [400, 503])
def test_an_answer_that_is_no_yes_is_told(status: int) -> None:
    with running_receiver() as receiver:
        receiver.answers.append(Answer(status))
        ok, said, _ = findings(receiver.url)["endpoint"]
    assert ok is False
    assert str(status) in said


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRELUDE_EVENTS", "both")
    ok, said, remedy = findings(NOBODY)["settings"]
    assert (ok, remedy) == (False, "correct the variable that it names")
    assert "'both'" in said


def test_a_disabled_sdk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert findings(NOBODY)["settings"][0] is False


VIEW = "@app.get('/d/{deal_id}')\n@activity('crm.view_deal')\ndef view(deal_id: int): ...\n"
INSTRUMENT = "prelude_otel.instrument(app, service_name='shop')\n"


@pytest.mark.parametrize(
    ("body", "ok", "said"),
    [
        (INSTRUMENT + VIEW, True, "1 decorated functions"),
        (VIEW, False, "never calls prelude_otel.instrument"),
        (INSTRUMENT + VIEW.replace("view_deal", "veiw_deal"), False, "did you mean 'crm.view_deal'"),
        (
            INSTRUMENT + "@activity('crm.view_deal')\n@app.get('/d/{deal_id}')\ndef view(deal_id: int): ...\n",
            False,
            "stands above the route's decorator",
        ),
        ("raise RuntimeError('no database')\n", False, "RuntimeError: no database"),
    ],
    ids=["well", "not instrumented", "unknown name", "decorator above", "fails"],
)
def test_the_application_is_looked_at(write_app: object, body: str, ok: bool, said: str) -> None:
    assert callable(write_app)
    write_app(body)
    finding = findings(NOBODY, "shop_under_test:app")["application"]
    assert finding[0] is ok
    assert said in finding[1]
    assert bool(finding[2]) is not ok


def test_an_application_that_is_not_there_is_told() -> None:
    ok, said, remedy = findings(NOBODY, "no_such_module_at_all:app")["application"]
    assert ok is False
    assert "no_such_module_at_all" in said
    assert "MODULE:APP" in remedy
