"""The pure rules of the contract: event ids, addresses, lengths."""

from __future__ import annotations

import os
import random
import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelude_otel.contract.duration import MAX_DURATION_MS, duration_ms
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.event_id import event_id_from_content, event_id_from_uid, uuid7, uuid7_text
from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES

NOW = 1_767_225_600_123_456_789


def test_an_event_id_is_a_uuid7_of_the_start_of_the_action() -> None:
    made = uuid7(NOW)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == NOW // 1_000_000
    assert str(made) == str(UUID(str(made)))


@given(st.integers(0, 2**47 * 1_000_000), st.integers(300, 10**9))
def test_event_ids_sort_by_the_start_of_the_action(start: int, later_by: int) -> None:
    assert uuid7_text(start) < uuid7_text(start + later_by)


@given(st.integers(0, 2**48 * 1_000_000 - 1), st.integers(0, 2**62 - 1))
def test_version_and_variant_hold_for_every_time_and_randomness(start: int, bits: int) -> None:
    made = UUID(uuid7_text(start, lambda _: bits))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_ids_of_one_moment_differ() -> None:
    assert len({uuid7_text(NOW) for _ in range(1000)}) == 1000


def test_the_applications_random_seed_changes_no_id() -> None:
    ids = set()
    for _ in range(3):
        random.seed(1)
        ids.add(uuid7_text(NOW))
    assert len(ids) == 3


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on: threads and fork
def test_a_fork_gives_other_ids() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "\n".join(uuid7_text(NOW) for _ in range(5)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        of_child = set(pipe.read().split())
    os.waitpid(child, 0)
    assert len(of_child) == 5
    assert not of_child & {uuid7_text(NOW) for _ in range(5)}


@pytest.mark.parametrize("uid", ["0198C0DE-0000-7000-8000-00000000000A", "0198c0de00007000800000000000000a"])
def test_a_uid_that_is_a_uuid_is_the_event_id(uid: str) -> None:
    assert event_id_from_uid(uid) == "0198c0de-0000-7000-8000-00000000000a"


@pytest.mark.parametrize("uid", ["", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x" * 36, "0x" + "1" * 30, "1_" * 16, "\ud800"])
def test_any_other_uid_is_hashed_to_a_uuid8(uid: str) -> None:
    made = UUID(event_id_from_uid(uid))
    assert (made.version, made.variant) == (8, "specified in RFC 4122")
    assert event_id_from_uid(uid) == str(made)
    assert event_id_from_uid(uid + "y") != str(made)


def test_a_record_without_uid_has_the_same_id_each_time_it_is_sent() -> None:
    assert event_id_from_content(b"record") == event_id_from_content(b"record") != event_id_from_content(b"other")
    assert UUID(event_id_from_content(b"")).version == 8


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        (" User@Company.com\n", "user@company.com"),
        ("user@company.com", "user@company.com"),
        ("JOSE\u0301@X.COM", "jos\u00e9@x.com"),
        ("no address at all", "no address at all"),
        ("", None),
        ("  ", None),
    ],
)
def test_ruling_18_addresses_are_trimmed_composed_and_lowered(given_address: str, stored: str | None) -> None:
    assert normalise_email(given_address) == stored


@given(st.text())
def test_ruling_18_emitter_and_exporter_agree_on_an_address(address: str) -> None:
    once = normalise_email(address)
    assert once is None or normalise_email(once) == once


def test_ruling_18_a_letter_that_only_composes_when_small_is_composed() -> None:
    assert normalise_email("J\u030c@x.com") == unicodedata.normalize("NFC", "\u01f0@x.com")


@pytest.mark.parametrize(
    ("nanoseconds", "milliseconds"),
    [
        (0, 0),
        (-1, 0),
        (-(10**18), 0),
        (499_999, 0),
        (500_000, 1),
        (1_499_999, 1),
        (1_500_000, 2),
        (2_500_000, 3),
        (MAX_DURATION_MS * 1_000_000, MAX_DURATION_MS),
        (10**19, MAX_DURATION_MS),
    ],
)
def test_a_length_is_rounded_half_up_never_negative_and_clamped(nanoseconds: int, milliseconds: int) -> None:
    assert duration_ms(nanoseconds) == milliseconds


def test_ruling_15_all_eleven_types_and_four_statuses_are_known() -> None:
    assert len(ACTION_TYPES) == 11
    assert {"success", "error", "pending", "timeout"} == STATUSES
