"""Portions shrink at once and grow by and by; one that takes too long is undone, but for the smallest."""

from __future__ import annotations

import pytest

from prelude_store import portion as portions
from prelude_store.connection import Connection, connect
from prelude_store.portion import Portion, TooLongError
from tests.support.postgres import TestServer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that it is; set by the test."""
    now = [0.0]
    monkeypatch.setattr("prelude_store.portion.time.monotonic", lambda: now[0])
    return now


def took(portion: Portion, clock: list[float], rows: int, seconds: float) -> int:
    """The size after a portion of `rows` took so long."""
    portion._began = clock[0]
    clock[0] += seconds
    portion.committed(rows)
    return portion.size


def test_it_shrinks_to_what_fits_and_grows_by_a_quarter(clock: list[float]) -> None:
    portion = Portion(first=1000, least=50, most=2000)
    assert took(portion, clock, 1000, 0.1) == 500
    assert took(portion, clock, 500, 0.01) == 626
    assert took(portion, clock, 626, 0.045) == 695  # no more than would fit
    assert took(portion, clock, 100, 0.001) == 695  # a few that were left over say nothing
    assert took(portion, clock, 695, 10.0) == 50
    assert portion.longest == pytest.approx(10.0)
    for _ in range(50):
        took(portion, clock, portion.size, 0.001)
    assert portion.size == 2000


def test_one_that_takes_too_long_is_undone_and_halved_but_for_the_smallest(clock: list[float]) -> None:
    portion = Portion(first=120, least=50, most=2000)
    portion._began = clock[0]
    portion.go_on(120)
    clock[0] += 1
    with pytest.raises(TooLongError):
        portion.go_on(120)
    assert portion.undone(120)
    assert portion.size == 60
    assert portion.undone(60)
    portion.go_on(50)
    assert portion.size == 50
    assert not portion.undone(50)


def test_the_server_ends_a_statement_that_takes_too_long_and_no_other(postgres: TestServer) -> None:
    database = postgres.create_database()
    try:
        with connect(database, "test") as connection:
            assert _sleeps(connection, 51) == ["ended", "80ms", "0"]
            assert _sleeps(connection, 50) == ["slept", "0", "0"]
    finally:
        postgres.drop_database(database)


def _sleeps(connection: Connection, rows: int) -> list[str]:
    """What becomes of a slow statement in a portion of `rows`, and the timeout within and behind its transaction."""
    said, within = "slept", ""
    portion = Portion(first=100, least=50, most=100)
    try:
        with connection.transaction():
            portion.begin(connection, rows)
            within = _timeout(connection)
            connection.execute("SELECT pg_sleep(0.2)")
    except portions.TOO_LONG:
        said = "ended"
    return [said, within, _timeout(connection)]


def _timeout(connection: Connection) -> str:
    row = connection.execute("SHOW statement_timeout").fetchone()
    assert row is not None
    return str(row[0])
