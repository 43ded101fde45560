"""Paths are as the slow and obvious way has them, with visits that go on over midnight."""

from __future__ import annotations

from datetime import UTC, datetime

from prelude_analytics.answers.lives import sequence_of
from prelude_analytics.answers.paths import follow, levels
from tests.oracle import paths as oracle
from tests.oracle.history import DAY, HOUR, counted, make_history, microseconds, within
from tests.support.oracle_cases import cases
from tests.support.stretches import columns, days

SINCE = microseconds(datetime(2026, 3, 27, tzinfo=UTC))


def name(action: int | None) -> str:
    return oracle.OTHER if action is None else chr(action)


def test_paths_are_as_their_definition_has_them() -> None:
    for number, chance in cases(100, salt="paths"):
        actions = chance.choice(["ab", "abc", "abcdef"])
        history = make_history(
            chance, SINCE, days=chance.choice([1, 3]), actions=actions, most=chance.choice([8, 40, 80])
        )
        since, until = SINCE + chance.choice([0, HOUR]), SINCE + chance.choice([DAY, 3 * DAY, 3 * DAY - HOUR])
        rows = within(counted(history, SINCE), since, until)
        gap = chance.choice([0, 1, 900, 1800, 6 * 3600, 43_200])
        depth, top, start = chance.randint(1, 5), chance.choice([1, 2, 10]), chance.choice([None, None, "a", "b"])
        kept = oracle.paths(rows, gap, start)
        nodes, links = oracle.steps(kept, depth, top)

        people = sorted({row.user for row in rows if row.user})
        stretches = columns(rows, [cut for cut in days(since, until) if chance.random() < 0.7], people)
        found = follow([sequence_of(part) for part in stretches], gap, depth, ord(start) if start else None)
        assert found.visits == len(oracle.visits(rows, gap)), number
        assert found.actions.shape[1] == len(kept), number
        answer = levels(found, top, {ord(action): action for action in actions})
        shown = [{name(node.action): (node.count, node.ended) for node in step} for step in answer.nodes]
        assert shown == nodes, number
        joined = [{(name(link.source), name(link.target)): link.count for link in step} for step in answer.links]
        assert joined == links, number
