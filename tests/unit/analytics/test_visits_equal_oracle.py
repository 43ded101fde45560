"""Where each visit of one user begins and ends is as the slow and obvious way has it."""

from __future__ import annotations

from datetime import UTC, datetime

from prelude_analytics.answers.lives import sequence_of
from prelude_analytics.answers.visits import visit_of, visits_of
from tests.oracle.history import DAY, Row, counted, life, make_history, microseconds, within
from tests.support.oracle_cases import cases
from tests.support.stretches import columns, days

SINCE = microseconds(datetime(2026, 3, 27, tzinfo=UTC))


def bounds(rows: list[Row], gap_seconds: int) -> list[tuple[int, int]]:
    """The first and the last moment of each visit, of rows of one life."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and row.at - found[-1][1] <= gap_seconds * 1_000_000:
            found[-1] = found[-1][0], row.at
        else:
            found.append((row.at, row.at))
    return found


def test_visits_begin_and_end_where_their_definition_says() -> None:
    for number, chance in cases(100, salt="visits"):
        history = make_history(chance, SINCE, days=3, most=chance.choice([8, 40, 80]))
        rows = within(counted(history, SINCE), SINCE, SINCE + 3 * DAY)
        gap = chance.choice([0, 1, 900, 1800, 6 * 3600, 43_200])
        people = sorted({row.user for row in rows if row.user})
        stretches = columns(rows, [cut for cut in days(SINCE, SINCE + 3 * DAY) if chance.random() < 0.7], people)
        sequences = [sequence_of(part) for part in stretches]
        for user in {user for part in stretches for user in part.users.tolist()}:
            visits = visits_of(user, sequences, gap)
            told = [
                tuple(int(stretches[stretch].times[offset]) for stretch, offset in (visit.first, visit.last))
                for visit in visits
            ]
            mine = [
                (stretch, offset, int(part.times[offset]))
                for stretch, part in enumerate(stretches)
                for offset in range(len(part.times))
                if part.users[offset] == user
            ]
            assert told == bounds(life(rows, people[user]), gap), number
            for stretch, offset, at in mine:
                first, last = told[visits.index(visit_of((stretch, offset), visits))]
                assert first <= at <= last, number
        assert visits_of(2**20, sequences, gap) == [], number
