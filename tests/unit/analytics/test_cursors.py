"""Tokens: what comes back is what was given, and nothing else is taken."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelude_analytics.cursors import Place, Rank, SessionPlace, Watermark, pack
from prelude_analytics.parameters import ParameterError

CUT = datetime(2026, 3, 1, tzinfo=UTC)
times = st.integers(0, 2**52).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
lanes = st.dictionaries(st.integers(1, 500), st.integers(0, 2**63 - 1), max_size=5)


@given(lanes, times)
def test_a_watermark_comes_back_as_it_was(lanes: dict[int, int], cut: datetime) -> None:
    assert Watermark.read(Watermark(lanes, cut).token) == Watermark(lanes, cut)


@given(lanes, times, st.uuids())
def test_a_place_comes_back_as_it_was(lanes: dict[int, int], at: datetime, event_id: UUID) -> None:
    place = Place(Watermark(lanes, CUT), CUT, at, event_id, "abc")
    assert Place.read(place.token, "abc") == place


@given(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_characters="\0", codec="utf-8")), times)
def test_places_in_rankings_and_among_sessions_come_back_as_they_were(score: int, text: str, at: datetime) -> None:
    rank = Rank(score, text, at, CUT, "abc", Watermark({1: 5}, CUT))
    assert Rank.read(rank.token, "abc") == rank
    session = SessionPlace(at, text, text, derived=True, since=CUT, asked="abc", watermark=Watermark({2: 7}, CUT))
    assert SessionPlace.read(session.token, "abc") == session


def test_a_place_of_another_list_is_refused() -> None:
    place = Place(Watermark({1: 7}, CUT), CUT, CUT, uuid4(), "abc")
    with pytest.raises(ParameterError, match="other parameters"):
        Place.read(place.token, "xyz")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "é",
        "####",
        "bm90IGpzb24",
        base64.urlsafe_b64encode(b"[" * 9000).decode(),
        "A" * 30_000,
        pack({}),
        pack({"lanes": {}, "cut": "2026-01-01"}),
        pack({"lanes": {}, "cut": 7}),
        pack({"lanes": [], "cut": CUT.isoformat()}),
        pack({"lanes": {"1": -1}, "cut": CUT.isoformat()}),
        pack({"lanes": {"1": True}, "cut": CUT.isoformat()}),
        pack({"lanes": {"1": 2**63}, "cut": CUT.isoformat()}),
        pack({"lanes": {"x": 1}, "cut": CUT.isoformat()}),
        pack({"lanes": {"1000000000": 1}, "cut": CUT.isoformat()}),
        pack({"lanes": {}, "cut": CUT.isoformat(), "more": 1}),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Watermark.read(token)
    assert caught.value.parameter == "as_of"
    for kind in (Place, Rank, SessionPlace):
        with pytest.raises(ParameterError):
            kind.read(token, "abc")


def test_a_statement_finds_the_last_number_of_a_lane_at_the_lanes_place() -> None:
    assert Watermark({3: 9, 1: 4}, CUT).parameters() == {"cut": CUT, "seqs": [4, 0, 9]}
