"""Deadlines and acts in words."""

from __future__ import annotations

from typing import Any

import pytest

from prelude_dashboard.screens.governance import act, deadline

PERSON = "ab" * 32


@pytest.mark.parametrize(
    ("days", "mark", "words"),
    [
        (-2, "error", "2 days over"), (-1, "error", "1 day over"), (0, "timeout", "due today"), (1, "timeout", "1 day left"),
        (7, "timeout", "7 days left"), (8, "success", "8 days left"),
    ],
)  # fmt: skip
def test_a_deadline_has_a_mark_of_its_own(days: int, mark: str, words: str) -> None:
    assert deadline(days) == (mark, words)


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("policy", {"what": "rows", "keep": "1y", "before": "90d"}, "rows of all activities: kept 1y, before 90d"),
        (
            "policy",
            {"what": "person", "type": "crm", "keep": "1y", "removed": True},
            "class person of crm: no policy any more",
        ),
        ("hold", {"person": PERSON, "entity_type": "deal"}, "person abababababab…, every deal"),
        ("release", {"hold": 3}, "hold 3"),
        ("request", {"request": "done", "number": 7, "kind": "erasure", "person": PERSON}, "erasure 7: done"),
        ("erased", {"person": PERSON, "run": 1, "counts": {"rows": 5}, "left": []}, "person abababababab…, 5 rows"),
        ("propose", {"proposed": "release", "content": {"hold": 3}}, "Release hold 3"),
        (
            "consent",
            {"proposal": 4, "proposed": "release", "proposed_by": "token:a"},
            "proposal 4: release, proposed by token:a",
        ),
        ("lapse", {"proposal": 4, "proposed": "set_policy"}, "proposal 4: set policy"),
        # What a lapse was called before it had a word of its own.
        ("expire", {"proposal": 4, "proposed": "set_policy"}, "proposal 4: set policy"),
        (
            "expire",
            {"policy": 2, "type": "crm", "what": "rows", "keep": "1y", "before": "2025-12-01T00:00:00+00:00"},
            "rows of crm: kept 1y, before 2025-12-01T00:00:00+00:00",
        ),
        ("drop", {"from": "2026-01-05T00:00:00+00:00", "partition": "p"}, "from 2026-01-05T00:00:00, partition p"),
        ("policy", {"something": "else"}, "something else"),
    ],
)
def test_an_act_is_told_in_a_line(kind: str, detail: dict[str, Any], words: str) -> None:
    assert act(kind, detail) == words
