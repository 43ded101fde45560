"""Our own errors are counted, said now and then, and raised under the test helpers alone."""

from __future__ import annotations

import logging
import time

import pytest

import prelude_otel
from prelude_otel import problems
from prelude_otel.testing import capture_activities


def test_a_problem_is_counted_each_time_and_said_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.WARNING, "prelude_otel"):
        for _ in range(5):
            problems.report("here", ValueError("text of a user"))
        assert len(caplog.records) == 1
        later = time.monotonic() + 61
        monkeypatch.setattr("prelude_otel.problems.time.monotonic", lambda: later)
        problems.report("here", ValueError("text of a user"))
    assert len(caplog.records) == 2
    assert "6 so far" in caplog.records[1].getMessage()
    assert prelude_otel.stats().problems == {"here": 6}


def test_a_problem_at_one_place_does_not_silence_another(caplog: pytest.LogCaptureFixture) -> None:
    problems.report("here", "a")
    problems.report("there", "b")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_the_text_of_an_error_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("text of a user")
    except ValueError as error:
        problems.report("here", error)
    assert "text of a user" not in caplog.text
    assert "ValueError at " in caplog.text
    assert "test_problems.py:" in caplog.text


def test_under_the_test_helpers_it_is_raised() -> None:
    with problems.strict(), problems.strict():
        pass
    with problems.strict(), pytest.raises(ValueError, match="x"):
        problems.report("here", ValueError("x"))
    problems.report("here", ValueError("x"))


def test_capture_activities_is_such_a_helper() -> None:
    with capture_activities(), pytest.raises(prelude_otel.PreludeError):
        prelude_otel.emit("crm.unknown")


def test_something_said_once_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    problems.once("key", "hello")
    problems.once("key", "hello")
    assert [record.getMessage() for record in caplog.records] == ["prelude-otel: hello"]
