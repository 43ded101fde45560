"""A good row is not suspected."""

from __future__ import annotations

import pytest

from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES
from prelude_store.suspicion import why_suspect
from tests.support.rows import make_row, waiting_row


@pytest.mark.parametrize("action_type", sorted(ACTION_TYPES))
def test_every_action_type_is_fine(action_type: str) -> None:
    assert why_suspect(make_row(action_type=action_type)) is None


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_is_fine(status: str) -> None:
    assert why_suspect(waiting_row(result_status=status, tags=("a",), result_data="{}")) is None


def test_the_first_fault_is_told_to_a_person() -> None:
    assert why_suspect(make_row(result_status="done")) == "unknown result status 'done'"
    assert why_suspect(make_row(action_data="{oops")) is not None
