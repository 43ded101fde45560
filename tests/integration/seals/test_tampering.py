"""Somebody with all rights touches the log, in each way that there is, at random: found every time, given one checkpoint from outside.

    PRELUDE_TAMPERINGS=50 pytest tests/integration/seals/test_tampering.py

tries so many of each kind (PRELUDE_TAMPER_SEED: which rows and values).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from prelude_store.seals.verify import Verified, verify
from tests.support.sealed import Sealed, undone
from tests.support.tampering import LOG, NEW_VALUES, WAYS, Superuser, a_row

TIMES = int(os.environ.get("PRELUDE_TAMPERINGS", "3"))
SEED = int(os.environ.get("PRELUDE_TAMPER_SEED", "1"))

PARTS = {
    "person": {"user_email", "session_id"},
    "device": {"user_agent", "ip_address"},
    "content": {"entity_id", "page_url", "action_data", "result_data", "tags"},
}


def look(superuser: Superuser, sealed: Sealed) -> Verified:
    """As somebody who has kept one checkpoint and one key."""
    return verify(superuser, sealed.checkpoints[-1:], [sealed.key.verifier])


def whole(superuser: Superuser, sealed: Sealed) -> None:
    verified = look(superuser, sealed)
    assert not verified.findings, [str(finding) for finding in verified.findings.shown]


def test_what_is_lawful_raises_no_alarm(superuser: Superuser, sealed: Sealed) -> None:
    whole(superuser, sealed)
    verified = look(superuser, sealed)
    assert verified.outside == 1
    assert verified.rows > 400
    assert verified.explained > 100
    kinds = superuser.execute("SELECT DISTINCT kind FROM activity_changes WHERE before IS NOT NULL").fetchall()
    assert {kind for (kind,) in kinds} == {"erased", "redacted", "renamed", "removed"}
    assert superuser.execute("SELECT count(*) > 10 FROM activity_amendments").fetchone() == (True,)


@pytest.mark.parametrize("column", NEW_VALUES)
def test_another_value_of_a_column_is_found_with_its_row(superuser: Superuser, sealed: Sealed, column: str) -> None:
    chance = random.Random(f"{SEED} {column}")
    for _ in range(TIMES):
        with undone(superuser):
            lane, seq, event_id, _at = a_row(superuser, chance)
            changed = superuser.execute(
                f'UPDATE {LOG} SET "{column}" = {NEW_VALUES[column]} WHERE lane = %s AND lane_seq = %s AND event_id = %s'
                f' AND "{column}" IS DISTINCT FROM {NEW_VALUES[column]}'.encode(),
                [lane, seq, event_id],
            ).rowcount
            if not changed:
                continue
            found = look(superuser, sealed).findings
            here = [one for one in found.shown if (one.lane, one.lane_seq) == (lane, seq)]
            assert here, (column, lane, seq)
            if column not in {"event_id", "timestamp", "lane", "lane_seq"}:
                assert {one.event_id for one in found.shown} == {str(event_id)}
                part = next((name for name, columns in PARTS.items() if column in columns), None)
                assert (f"class {part}" if part else ("duration" if column == "duration_ms" else "no class")) in here[
                    0
                ].says or (column == "duration_ms")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_tampering_is_found_and_where(superuser: Superuser, sealed: Sealed, way: Callable[..., str]) -> None:
    chance = random.Random(f"{SEED} {way.__name__}")
    for number in range(TIMES):
        with undone(superuser):
            where = way(superuser, chance, sealed)
            found = look(superuser, sealed).findings
            assert found, f"{way.__name__}, try {number} of seed {SEED}, was not found"
            said = "\n".join(str(one) for one in found.shown)
            assert where in said, f"{where!r} is not in:\n{said}"
