"""Paths are as the slow and obvious way has them, with visits that go on over midnight."""

from __future__ import annotations

from datetime import UTC, datetime

from prelude_analytics.answers.flows import added, flows_of, levels
from prelude_analytics.answers.fragments import joints_of, parted
from prelude_analytics.answers.lives import sequence_of
from prelude_analytics.answers.paths import END, OTHERS, follow, located, through
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
        backwards = chance.random() < 0.4
        kept = oracle.paths(rows, gap, start, backwards=backwards)
        nodes, links = oracle.steps(kept, depth, top)

        people = sorted({row.user for row in rows if row.user})
        stretches = columns(rows, [cut for cut in days(since, until) if chance.random() < 0.7], people)
        sequences = [sequence_of(part) for part in stretches]
        found = follow(sequences, gap, depth, ord(start) if start else None, backwards=backwards, traced=True)
        assert found.visits == len(oracle.visits(rows, gap)), number
        assert found.actions.shape[1] == len(kept), number
        names = {ord(action): action for action in actions}
        joints = joints_of([part.runs for part in sequences], gap)
        parted_ = [parted(*one, gap) for one in zip(sequences, joints, strict=True)]
        first = ord(start) if start else None
        apart = [
            *([alone] for alone, _ in parted_),
            [rest for _, rest in parted_],
        ]
        flows = added([flows_of(follow(some, gap, depth, first, backwards=backwards)) for some in apart])
        assert (flows.visits, flows.paths) == (found.visits, len(kept)), number
        answer = levels(flows, top, names)
        assert answer == levels(flows_of(found), top, names), number
        shown = [{name(node.action): (node.count, node.ended) for node in step} for step in answer.nodes]
        assert shown == nodes, number
        joined = [{(name(link.source), name(link.target)): link.count for link in step} for step in answer.links]
        assert joined == links, number

        for step, (of_step, links_of) in enumerate(zip(answer.nodes, [*answer.links, []], strict=True)):
            for node in of_step:
                action = OTHERS if node.action is None else node.action
                assert len(through(found, top, names, step, action)) == node.count, number
                assert len(through(found, top, names, step, action, END)) == node.ended, number
            for link in links_of:
                ends = [OTHERS if action is None else action for action in (link.source, link.target)]
                chosen = through(found, top, names, step, *ends)
                assert len(chosen) == link.count, number
                here, there = (located(sequences, found.places[at][chosen]) for at in (step, step + 1))
                assert here.users.tolist() == there.users.tolist(), number
                times = [
                    [
                        int(stretches[stretch].times[offset])
                        for stretch, offset in zip(at.stretches, at.offsets, strict=True)
                    ]
                    for at in (here, there)
                ]
                assert all(one >= other if backwards else one <= other for one, other in zip(*times, strict=True)), (
                    number
                )
