"""Lengths of time, which policy wins, and policies that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prelude_store.retention.keeping import RetentionError, cutoff, parse_keep
from prelude_store.retention.policy import Policy, Scope, refuse_senseless, scope_of, winner

NOW = datetime(2026, 5, 31, 15, 30, tzinfo=UTC)  # a Sunday


def policy(
    number: int, keep: str, action_type: str | None = None, name: str | None = None, what: str = "rows"
) -> Policy:
    return Policy(number, Scope(action_type, name, what), keep)


@pytest.mark.parametrize(
    ("keep", "by_week", "expected"),
    [
        ("1d", False, "2026-05-30"),
        ("90d", False, "2026-03-02"),
        ("2w", False, "2026-05-17"),
        ("3mo", False, "2026-02-28"),
        ("1y", False, "2025-05-31"),
        ("1d", True, "2026-05-25"),
        ("7d", True, "2026-05-18"),
    ],
)
def test_a_day_or_a_week_goes_as_a_whole_and_never_before_its_time(keep: str, by_week: bool, expected: str) -> None:
    assert cutoff(keep, NOW, by_week=by_week) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_forever_is_never_over() -> None:
    assert cutoff("forever", NOW) is None


@pytest.mark.parametrize("text", ["", "90", "0d", "-3d", "12h", "1.5y", "90days", "d", "999999d", "300y"])
def test_what_is_no_length_of_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(RetentionError, match=r"90d|200 years"):
        parse_keep(text)


def test_the_most_specific_policy_wins_however_long_it_keeps() -> None:
    of_all, of_type, of_name = policy(1, "30d"), policy(2, "1y", "crm"), policy(3, "7d", "crm", "send_email")
    known = [of_name, of_all, of_type, policy(4, "1d", what="device")]
    assert winner(known, "rows", "crm", "send_email") == of_name
    assert winner(known, "rows", "crm", "create_deal") == of_type
    assert winner(known, "rows", "chat", "send_email") == of_all
    assert winner(known, "person", "crm", "send_email") is None


@pytest.mark.parametrize(
    ("new", "others", "said"),
    [
        (policy(0, "forever"), [], "nothing to keep forever"),
        (policy(0, "forever", "crm"), [policy(1, "forever", "chat")], "nothing to keep forever"),
        (policy(0, "90d", what="device"), [policy(1, "30d")], "never go.*choose a shorter time"),
        (policy(0, "30d"), [policy(1, "90d", what="device")], "never go.*retain remove --class device"),
        (
            policy(0, "30d", "crm"),
            [policy(1, "90d", "crm", "send_email", "content")],
            "--type crm --name send_email --class content",
        ),
        (policy(0, "1mo", what="person"), [policy(1, "30d")], "never go"),
    ],
)
def test_what_would_never_do_anything_is_refused_with_what_stands_against_it(
    new: Policy, others: list[Policy], said: str
) -> None:
    with pytest.raises(RetentionError, match=said):
        refuse_senseless(new, others)


@pytest.mark.parametrize(
    ("new", "others"),
    [
        (policy(0, "forever", "crm"), [policy(1, "30d")]),
        (policy(0, "90d", what="device"), [policy(1, "30d", "crm")]),
        (policy(0, "90d", what="device"), [policy(1, "30d"), policy(2, "forever", "crm")]),
        (policy(0, "30d"), [policy(1, "20d", what="device")]),
        (policy(0, "90d", "crm", "send_email", "content"), [policy(1, "30d"), policy(2, "1y", "crm")]),
    ],
)
def test_what_does_something_for_some_is_allowed(new: Policy, others: list[Policy]) -> None:
    refuse_senseless(new, others)


@pytest.mark.parametrize(
    ("action_type", "name", "cls", "said"),
    [
        ("sales", None, None, "no action type 'sales'"),
        (None, "send_email", None, "needs its type"),
        (None, None, "all", "no class 'all'"),
    ],
)
def test_what_there_is_not_is_refused(action_type: str | None, name: str | None, cls: str | None, said: str) -> None:
    with pytest.raises(RetentionError, match=said):
        scope_of(action_type, name, cls)
