"""What a handler holds, in a form that OTLP carries."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from collections import OrderedDict
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from prelude_otel.otlp.wire import any_value
from prelude_otel.values import NOT_CARRIED, carry


class Stage(enum.Enum):
    WON = "won"


class Priority(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: int


class Deal(BaseModel):
    name: str
    value_usd: Decimal | None = None
    closes: datetime.date | None = None


@dataclasses.dataclass
class Note:
    text: str
    at: datetime.datetime


class Opaque:
    """Has no form in OTLP."""


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        ("text", "text"),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (Name("x"), "x"),
        (Decimal("50000.50"), 50000.5),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("NaN"), "NaN"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02T03:04:05+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(seconds=90), 90.0),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        (b"text", "text"),
        (bytearray(b"\xff"), "/w=="),
        (Stage.WON, "won"),
        (Priority.HIGH, 3),
        ([1, (2, "3")], [1, [2, "3"]]),
        (Point(1, 2), [1, 2]),
        (frozenset({5}), [5]),
        (OrderedDict(a=Stage.WON), {"a": "won"}),
        (MappingProxyType({1: 2}), {"1": 2}),
        (Note("hello", datetime.datetime(2026, 1, 2)), {"text": "hello", "at": "2026-01-02T00:00:00"}),  # noqa: DTZ001
    ],
)
def test_a_value_is_carried_in_its_natural_form(value: Any, carried: Any) -> None:
    result = carry(value)
    assert result == carried
    assert type(result) is type(carried)


def test_a_pydantic_model_is_carried_as_what_the_client_has_set() -> None:
    assert carry(Deal(name="Big", closes=datetime.date(2026, 1, 2))) == {"name": "Big", "closes": "2026-01-02"}


@pytest.mark.parametrize("value", [Opaque(), Opaque, Note, object(), lambda: None, iter([1])])
def test_what_has_no_form_is_said_to_have_none(value: Any) -> None:
    assert carry(value) is NOT_CARRIED


def test_inside_lists_and_maps_what_has_no_form_is_left_out() -> None:
    assert carry({"a": [1, Opaque(), 2], "b": Opaque()}) == {"a": [1, 2]}


def test_a_list_that_holds_itself_ends() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    assert carry(endless)[0] == 1


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.builds(Opaque),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(anything)
def test_whatever_is_carried_can_be_encoded(value: Any) -> None:
    carried = carry(value)
    if carried is not NOT_CARRIED:
        any_value(carried)


@given(anything)
def test_carrying_twice_is_carrying_once(value: Any) -> None:
    carried = carry(value)
    if carried is not NOT_CARRIED:
        assert repr(carry(carried)) == repr(carried)
