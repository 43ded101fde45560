"""Funnels are as the slow and obvious way has them, for histories in which steps collide."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from prelude_analytics.answers.extended import extended
from prelude_analytics.answers.funnel import Best, Order, best_attempts, counted
from prelude_analytics.answers.lives import NEVER, Hits, Lives, merged, runs_of, stretches_of
from tests.oracle.funnel import Match, funnel, table
from tests.oracle.history import DAY, HOUR, make_history, microseconds, within
from tests.oracle.history import counted as counting
from tests.support.oracle_cases import cases
from tests.support.stretches import SERVICES, columns, days, hits

SINCE = microseconds(datetime(2026, 3, 27, tzinfo=UTC))
STATUSES = [None, None, "success", "error", "pending", "timeout"]


def make_steps(chance: random.Random, order: str, actions: str) -> tuple[list[Match], list[Match]]:
    """Steps and exclusions that no row is both of; in any order, steps that no row is two of."""
    free = list(actions)
    chance.shuffle(free)
    exclusions = [Match((free.pop(),), chance.choice(STATUSES))] if chance.random() < 0.4 and len(free) > 2 else []
    if order == "any":
        count = chance.randint(2, len(free)) if len(free) > 2 else 2
        return [Match((action,), chance.choice(STATUSES)) for action in free[:count]], exclusions
    return [
        Match(tuple(chance.sample(free, chance.choice([1, 1, 2]))), chance.choice(STATUSES))
        for _ in range(chance.randint(2, 5))
    ], exclusions


def before(settled: int, found: Hits, later: bool) -> Hits:
    """Those in the first stretches, or the later ones."""
    chosen = (stretches_of(found.keys) >= settled) == later
    return Hits(found.keys[chosen], found.times[chosen], found.groups[chosen])


def values(best: Best) -> list[list[int]]:
    return [*best.times.tolist(), *(some.tolist() for some in (best.users, best.reached, best.groups))]


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
def test_a_funnel_is_as_its_definition_has_it(order: Order) -> None:
    for number, chance in cases(60, salt=f"funnel {order}"):
        actions = chance.choice(["ab", "abc", "abcd"])
        history = make_history(
            chance, SINCE, days=chance.choice([1, 3]), actions=actions, most=chance.choice([8, 30, 60])
        )
        since, until = SINCE + chance.choice([0, HOUR]), SINCE + chance.choice([DAY, 3 * DAY, 3 * DAY - HOUR])
        rows = within(counting(history, SINCE + DAY), since, until)
        steps, exclusions = make_steps(chance, order, actions)
        window = chance.choice([0, 1, HOUR // 4, HOUR, DAY, 9 * DAY])
        expected = funnel(rows, steps, exclusions, window, order)

        people = sorted({row.user for row in rows if row.user})
        chance.shuffle(people)
        stretches = columns(rows, [cut for cut in days(since, until) if chance.random() < 0.7], people)
        asked = [hits(stretches, step) for step in steps]
        asked.append(merged([hits(stretches, exclusion) for exclusion in exclusions]))
        runs = [runs_of(part) for part in stretches]
        best = best_attempts(asked[:-1], asked[-1], window, order, Lives(runs))
        settled = chance.randrange(len(stretches) + 1)
        known, new = [[before(settled, one, later) for one in asked] for later in (False, True)]
        earlier = best_attempts(known[:-1], known[-1], window, order, Lives(runs[:settled]))
        pieces = [[one] for one in known]
        again = extended(earlier, pieces, new, window, order, Lives(runs))
        assert values(again) == values(best), number
        found = {
            people[user]: [moment for moment in times if moment != NEVER]
            for user, times in zip(best.users.tolist(), best.times.T.tolist(), strict=True)
        }
        assert found == {user: [row.at for row in made.rows] for user, made in expected.items()}, number
        assert [(step.users, step.median_us) for step in counted(best, len(steps))] == table(expected, len(steps)), (
            number
        )
        groups = dict(zip((people[user] for user in best.users.tolist()), best.groups.tolist(), strict=True))
        assert groups == {user: SERVICES[made.rows[0].service] for user, made in expected.items()}, number
