"""Whatever an entry holds: the compiled part makes the leaf that the database makes, and finds what Python finds."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelude_store.native import Native, native
from prelude_store.seals import bundle, contents, leaves, merkle, new_leaves
from prelude_store.seals.leaves import leaf_hashes
from prelude_store.seals.new_leaves import Stretch, compiled, in_database
from prelude_store.seals.verify import Verified, verify
from tests.support import tampering
from tests.support.sealed import Sealed, undone

if native().module is None:
    pytest.skip(f"the compiled part is not used: {native().why_not}", allow_module_level=True)

Superuser = psycopg.Connection[tuple[Any, ...]]

LANE = 7_000
ODD = st.text('ab"\\\b\f\n\r\t\x01\x1f\x7f{},[]:é\u2028😀 ')
TEXT = st.one_of(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), ODD)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROW = st.fixed_dictionaries({
    "event_id": st.uuids(),
    "user_email": st.none() | TEXT,
    "session_id": st.none() | TEXT,
    "action_name": TEXT,
    "action_category": st.none() | TEXT,
    "entity_id": st.none() | TEXT,
    "page_url": st.none() | TEXT,
    "user_agent": st.none() | TEXT,
    "ip_address": st.none() | TEXT,
    "action_data": st.none() | JSON.map(psycopg.types.json.Jsonb),
    "result_data": st.none() | JSON.map(psycopg.types.json.Jsonb),
    "duration_ms": st.none() | st.integers(0, 2**31 - 1),
    "tags": st.none() | st.lists(st.none() | TEXT, max_size=3),
    "personal_paths": st.none() | st.lists(TEXT, max_size=3),
    "completes_event_id": st.none() | st.uuids(),
    "created_at": st.datetimes(),
})  # fmt: skip


def insert(superuser: Superuser, seq: int, columns: dict[str, Any]) -> None:
    columns = {"action_type": "crm", "result_status": "success", "content_hash": b""} | columns
    columns |= {"lane": LANE, "lane_seq": seq}
    superuser.execute(
        f'INSERT INTO user_activity_logs ("timestamp", {", ".join(columns)})'
        f' VALUES ((SELECT max("timestamp") FROM user_activity_logs), {", ".join(["%s"] * len(columns))})'.encode(),
        list(columns.values()),
    )


def made(superuser: Superuser, way: Callable[..., Any], lanes: list[Stretch], salts: bytes) -> Any:
    """The hashes, and the blocks as they are kept."""
    before = [sum(until - seen for _, seen, until in lanes[:at]) for at in range(len(lanes))]
    with undone(superuser):
        superuser.execute("TRUNCATE seal_blocks")
        done = way(superuser, lanes, before, salts, 5)
        blocks = superuser.execute(
            f"SELECT first_seq, last_seq, {leaves.BLOCK_COLUMNS} FROM seal_blocks ORDER BY first_leaf"
        ).fetchall()
    return None if done is None else (done.hashes, blocks)


@pytest.fixture(autouse=True)
def utc(superuser: Superuser) -> None:
    superuser.execute("SET client_encoding TO 'UTF8'")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=3))
def test_any_rows_have_the_same_leaves(superuser: Superuser, rows: list[dict[str, Any]]) -> None:
    salts = os.urandom(48 * len(rows))
    with undone(superuser):
        for seq, columns in enumerate(rows, 1):
            insert(superuser, seq, {**columns, "event_id": f"{seq:08x}{str(columns['event_id'])[8:]}"})
        lanes = [(LANE, 0, len(rows))]
        expected = made(superuser, in_database, lanes, salts)
        assert len(expected[0]) == 32 * len(rows)
        assert made(superuser, compiled, lanes, salts) == expected


def test_a_whole_log_has_the_same_leaves(superuser: Superuser) -> None:
    lanes = [(lane, 0, seq) for lane, seq in superuser.execute("SELECT lane, last_seq FROM ingest_lanes ORDER BY 1")]
    salts = os.urandom(48 * sum(until for _, _, until in lanes))
    hashes, blocks = made(superuser, in_database, lanes, salts)
    assert set(b"".join(block[5] for block in blocks).decode()) == set("racg")
    assert made(superuser, compiled, lanes, salts) == (hashes, blocks)
    assert leaf_hashes([leaves.Block(*block[2:]) for block in blocks]) == hashes


@pytest.mark.parametrize(
    "odd", [{"tags": [["a", "b"], ["c", "d"]]}, {"created_at": "infinity"}], ids=["a list of lists", "no time"]
)
def test_what_is_odd_is_left_to_the_database(superuser: Superuser, odd: dict[str, Any]) -> None:
    insert(superuser, 1, {"event_id": "01890a5d-ac96-774b-bcce-b302099a8057", "action_name": "x", **odd})
    assert made(superuser, compiled, [(LANE, 0, 1)], bytes(48)) is None


def test_trees_are_the_same() -> None:
    chance = random.Random(5)
    for height in range(9):
        hashes = chance.randbytes(32 << height)
        tree = merkle.Frontier()
        for at in range(1 << height):
            tree.append(hashes[32 * at : 32 * at + 32])
        assert native().module.fold_hashes(hashes) == tree.root()
    assert native().module.fold_hashes(bytes(96)) is None


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Calls without the compiled part."""

    def call(what: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patch:
            for module in (bundle, contents, leaves, merkle, new_leaves):
                patch.setattr(module, "native", Native)
            return what()

    return call


def everything(verified: Verified) -> tuple[Any, ...]:
    return (
        verified._replace(findings=None),  # type: ignore[arg-type]
        sorted(map(str, verified.findings.shown)),
        verified.findings.counts,
    )


def lines(superuser: Superuser) -> list[str]:
    """Of a bundle, but for the first, which tells when it was made; what belongs to no leaf in any order."""
    file = io.StringIO()
    bundle.write_bundle(superuser, file)
    _, *of_leaves = file.getvalue().splitlines()
    return [line for line in of_leaves if not line.startswith('["i"')] + sorted(
        line for line in of_leaves if line.startswith('["i"')
    )


def editing(column: str, value: str) -> Callable[..., str]:
    def edit(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
        lane, seq, _, _ = tampering.a_row(superuser, chance)
        superuser.execute(
            f'UPDATE {tampering.LOG} SET "{column}" = {value} WHERE lane = %s AND lane_seq = %s'.encode(), [lane, seq]
        )
        return ""

    edit.__name__ = f"edit_{column}"
    return edit


def nothing(*_: object) -> str:
    return ""


WAYS = [nothing, *tampering.WAYS, *(editing(column, value) for column, value in tampering.NEW_VALUES.items())]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_same_is_found(
    superuser: Superuser, sealed: Sealed, in_python: Callable[..., Any], way: Callable[..., str]
) -> None:
    with undone(superuser):
        way(superuser, random.Random(f"compiled {way.__name__}"), sealed)

        def look() -> Verified:
            return verify(superuser, sealed.checkpoints[-1:], [sealed.key.verifier])

        assert everything(look()) == everything(in_python(look))
        if superuser.execute("SELECT size > 0 AND origin IS NOT NULL FROM seal_state").fetchone() == (True,):
            assert lines(superuser) == in_python(lambda: lines(superuser))
