from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prelude_otel.secrets import masked
from prelude_store import logs
from prelude_store.logs import Calm, JsonFormatter, TextFormatter

log = logging.getLogger("prelude_exporter.test")


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def said() -> Iterator[Callable[[str], io.StringIO]]:
    """What goes to the stream of a set-up; the logging of the tests is as before when they end."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._OURS}

    def set_up(log_format: str, log_level: str = "info") -> io.StringIO:
        stream = io.StringIO()
        # `force` closes the handlers of before: pytest's are not ours to close.
        root.handlers = []
        logs.set_up(log_format, log_level, stream)
        return stream

    yield set_up
    root.handlers, root.level = before, level
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def record(message: str, *args: Any, **more: Any) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "prelude_exporter.x", "levelno": 30, "levelname": "WARNING", "msg": message, "args": args} | more
    )


def test_json_is_an_object_a_line_with_whatever_came_beside(said: Callable[[str], io.StringIO]) -> None:
    stream = said("json")
    log.info("two\nlines", extra={"rows": 7, "where": object})
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed: %s", "so")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "prelude_exporter.test",
        "message": "two\nlines",
        "rows": 7,
        "where": "<class 'object'>",
    }
    assert (second["level"], second["message"]) == ("error", "it failed: so")
    assert second["exception"].endswith("ValueError: broken")


def test_text_is_for_people(said: Callable[[str], io.StringIO]) -> None:
    stream = said("text")
    log.warning("the %s is away", "database")
    assert stream.getvalue().endswith(" WARNING prelude_exporter.test: the database is away\n")


def test_the_level_is_for_our_parts_and_libraries_say_warnings(said: Callable[[str, str], io.StringIO]) -> None:
    stream = said("text", "debug")
    log.debug("ours")
    logging.getLogger("some.library").info("theirs")
    logging.getLogger("some.library").warning("their warning")
    assert [line.partition(": ")[2] for line in stream.getvalue().splitlines()] == ["ours", "their warning"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("can't use postgresql://me:open-sesame@db/x", "can't use postgresql://me:***@db/x"),
        ("postgresql://me:p@ss/w:rd@db:5432/x is away", "postgresql://me:***@db:5432/x is away"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("http://127.0.0.1:4318/v1/logs", "http://127.0.0.1:4318/v1/logs"),
        ("host=db password=open-sesame user=me", "host=db password=*** user=me"),
        ("host=db password = 'open \\' sesame' user=me", "host=db password = *** user=me"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization=Bearer%20abc.def", "authorization=Bearer%20***"),
        ("password authentication failed for user me", "password authentication failed for user me"),
    ],
)
def test_secrets_are_masked(text: str, safe: str) -> None:
    assert masked(text) == safe
    assert json.loads(JsonFormatter().format(record(text)))["message"] == safe
    assert TextFormatter().format(record(text)).endswith(safe)


def test_secrets_in_tracebacks_and_extra_fields_are_masked() -> None:
    error = ValueError("postgresql://me:open-sesame@db/x")
    noted = record(
        "no", exc_info=(ValueError, error, None), url="x://me:open-sesame@y", more=[{"x": "x://me:open-sesame@y"}]
    )
    for formatter in (TextFormatter(), JsonFormatter()):
        assert "sesame" not in formatter.format(noted)
        noted.exc_text = None


def test_a_trouble_that_repeats_is_said_at_once_and_then_once_a_window_with_its_count() -> None:
    kept = Kept()
    calm = Calm(kept, window=0.2)
    for number in range(50):
        calm.handle(record("away: %d", number))
    assert kept.messages == ["away: 0"]
    ends = time.monotonic() + 5
    while len(kept.records) < 2 and time.monotonic() < ends:
        time.sleep(0.01)
    assert kept.messages == ["away: 0", "away: 49 (this came 49 times more)"]
    assert vars(kept.records[1])["repeated"] == 49


def test_after_a_quiet_window_the_same_is_news_again() -> None:
    kept = Kept()
    calm = Calm(kept, window=0.02)
    calm.handle(record("away"))
    time.sleep(0.05)
    calm.handle(record("away"))
    assert kept.messages == ["away", "away"]


def test_other_troubles_and_what_is_no_trouble_are_not_held_back() -> None:
    kept = Kept()
    calm = Calm(kept)
    for _ in range(2):
        calm.handle(record("away"))
        calm.handle(record("broken"))
        calm.handle(record("away", levelno=40))
        calm.handle(record("away", exc_info=(ValueError, ValueError("x"), None)))
        calm.handle(record("all is well", levelno=20))
    assert len(kept.records) == 6


def test_what_was_only_counted_is_said_at_the_end() -> None:
    kept = Kept()
    calm = Calm(kept)
    for _ in range(2):
        calm.handle(record("away"))
    calm.close()
    assert kept.messages == ["away", "away (this came once more)"]


def test_the_memory_of_what_was_said_is_bounded() -> None:
    kept = Kept()
    calm = Calm(kept)
    for number in range(2000):
        calm.handle(record(f"trouble {number}"))
    assert len(kept.records) == 2000
    assert len(calm._said) <= 500
