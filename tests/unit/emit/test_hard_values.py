"""A value that can't be carried is left out and noted; the activity is recorded all the same."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from prelude_otel import activity, current_activity, emit, instrument, record
from prelude_otel.counters import stats
from prelude_otel.otlp.encode import encode_event
from tests.support.captured import captured_leniently


class Opaque:
    """Has no form in OTLP."""


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = object.__hash__
    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("no")


class Undumpable(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    inner: Opaque


@dataclasses.dataclass
class Closed:
    name: str

    def __getattribute__(self, name: str) -> Any:
        if name == "name":
            raise RuntimeError("the session is closed")
        return super().__getattribute__(name)


def decorated(value: Any) -> None:
    @activity("crm.update_deal")
    def update_deal(deal_id: int, updated_fields: Any) -> None: ...

    update_deal(7, value)


def set_inside(value: Any) -> None:
    @activity("crm.update_deal")
    def update_deal(deal_id: int) -> None:
        current_activity().set(updated_fields=value, undeclared=value).result(more=value)

    update_deal(7)


def recorded(value: Any) -> None:
    with record("crm.update_deal", deal_id=7, updated_fields=value):
        pass


def emitted(value: Any) -> None:
    emit("crm.update_deal", deal_id=7, updated_fields=value, result={"more": value})


VALUES = {
    "opaque": Opaque(),
    "unspeakable": Unspeakable(),
    "key": {Unspeakable(): 1},
    "model": Undumpable(inner=Opaque()),
    "closed": Closed("x"),
    "beyond": 10**5000,
    "surrogate": {"\ud800": "\udfff"},
    "nan": {"value_usd": float("nan")},
    "class": Opaque,
}


@pytest.mark.parametrize("way", [decorated, set_inside, recorded, emitted], ids=lambda way: way.__name__)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_activity_lands_with_its_entity_and_its_page(way: Callable[[Any], None], value: Any) -> None:
    instrument(service_name="crm-service")
    with captured_leniently() as captured:
        way(value)
        event = captured.only("crm.update_deal")
    assert (event.entity_id, event.page_url, event.result_status) == ("7", "/crm/deals/7", "success")
    assert stats().dropped == {}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_activity_can_be_encoded(value: Any) -> None:
    instrument(service_name="crm-service")
    with captured_leniently() as captured:
        for way in (decorated, set_inside, recorded, emitted):
            way(value)
    for event in captured.raw:
        encode_event(event)


def test_what_was_left_out_is_named_in_the_row_by_its_type() -> None:
    with captured_leniently() as captured:
        emitted(Opaque())
        set_inside({"value_usd": "a lot"})
    assert captured[0].result_data["rejected_fields"]["updated_fields"] == "<Opaque>"
    assert captured[1].result_data["rejected_fields"] == {"updated_fields.value_usd": "a lot"}


def test_a_property_that_raises_is_counted_and_its_text_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Lazy:
        @property
        def deal_name(self) -> str:
            raise ValueError("somebody's secret")

    @activity("crm.create_deal", fields={"deal_name": "result.deal_name"})
    def create_deal(deal_id: int) -> Any:
        return Lazy()

    with captured_leniently() as captured, caplog.at_level(logging.WARNING, "prelude_otel"):
        create_deal(1)
    assert captured.only().entity_id == "1"
    assert sum(stats().problems.values()) == 1
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
