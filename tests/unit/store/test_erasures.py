"""What a writer lets through when people were erased: nothing of theirs, and of others all but the name."""

from __future__ import annotations

import json

import pytest

from prelude_store.batch import Batch
from prelude_store.erasure.asked import NOBODY, Erasures
from prelude_store.governance.people import person_hash
from prelude_store.row import Payload, Quarantined
from tests.support.rows import make_row

ADA, BOB = "ada@x.com", "bob@x.com"
KEY, UNTIL = b"k" * 32, 1_000_000


def erased(*people: str) -> Erasures:
    return Erasures(1, {person_hash(KEY, one): UNTIL for one in people}, KEY)


def sifted(**changes: object) -> object:
    found = erased(ADA).sift(Batch(rows=[make_row(**{"user_email": BOB, "timestamp_us": UNTIL, **changes})]))
    return found.batch.rows[0] if found.batch.rows else None


def test_where_nobody_was_erased_the_batch_is_the_same_object() -> None:
    assert not NOBODY
    batch = Batch(rows=[make_row(user_email=ADA, timestamp_us=UNTIL)])
    assert NOBODY.sift(batch).batch is batch
    assert erased(BOB).sift(batch).batch is batch


@pytest.mark.parametrize(
    ("user", "at", "stays"),
    [(ADA, UNTIL, False), (ADA, UNTIL + 1, True), (BOB, UNTIL, True), ("token:ada@x.com", 1, False)],
)
def test_what_an_erased_person_did_up_to_then_is_dropped(user: str, at: int, stays: bool) -> None:
    found = erased(ADA).sift(Batch(rows=[make_row(user_email=user, timestamp_us=at)]))
    assert (len(found.batch.rows), found.dropped) == ((1, 0) if stays else (0, 1))


@pytest.mark.parametrize(
    "said",
    [
        "ada@x.com",
        "Ada <ADA@X.COM>",
        "to:ada@x.com,carl@y.org",
        "ada@x.com.",
        "ada@x.com-17",
        "/p?u=ada%40x.com&b=1",
        "'ada@x.com'",
    ],
)
def test_what_others_did_is_written_without_the_name(said: str) -> None:
    row = sifted(action_data=json.dumps({"a": said, "n": 1}), page_url=said, tags=("vip", said))
    assert row is not None
    assert "ada@x.com" not in repr(row).lower()
    assert "ada%40x.com" not in repr(row).lower()
    assert row.content_hash == b""  # type: ignore[attr-defined]


@pytest.mark.parametrize("said", ["nada@x.com", "ada@x.com.au", "o'ada@x.com", "carl@y.org"])
def test_somebody_else_is_left_as_it_is(said: str) -> None:
    row = make_row(user_email=BOB, timestamp_us=UNTIL, action_data=json.dumps({"a": said}))
    assert erased(ADA).sift(Batch(rows=[row])).batch.rows[0] is row


def test_a_row_that_names_a_kind_after_the_person_is_dropped() -> None:
    assert sifted(page_route="/people/ada@x.com") is None


def test_bytes_of_a_record_stay_with_its_row_and_go_with_it() -> None:
    rows = [
        make_row(user_email=ADA, timestamp_us=1),
        make_row(user_email=BOB),
        make_row(user_email=BOB, entity_id=ADA, timestamp_us=1),
    ]
    payloads = [Payload("logs", str(number).encode()) for number in range(3)]
    batch = erased(ADA).sift(Batch(rows=rows, payloads=payloads)).batch
    assert batch.payloads == [payloads[1], None]
    assert batch.rows[0] is rows[1]


@pytest.mark.parametrize(
    ("payload", "stays"),
    [
        (b'{"user_email": "ada@x.com"}', False),
        (b"\n0ada@x.com2\x01", False),
        (b'{"user_email": "carl@y.org"}', True),
        (b"\xff\x00", True),
    ],
)
def test_a_record_for_the_quarantine_that_names_the_person_is_dropped(payload: bytes, stays: bool) -> None:
    found = erased(ADA).sift(Batch(quarantined=[Quarantined("logs", "r", "d", payload)]))
    assert (len(found.batch.quarantined), found.entries) == ((1, 0) if stays else (0, 1))
