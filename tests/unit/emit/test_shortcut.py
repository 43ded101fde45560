"""The second call of a handler is recorded as the first: what was learnt from one call never tells of another."""

from __future__ import annotations

import dataclasses
import datetime
import math
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import prelude_otel
from prelude_otel import Activity, Field, activity, current_activity, state
from prelude_otel.binding import plan
from prelude_otel.catalogue import builtin
from prelude_otel.decorator import SITE
from prelude_otel.event import ActivityEvent
from prelude_otel.shortcut import learn
from prelude_otel.testing import CapturedActivity, capture_activities

KINDS = [
    *builtin(),
    Activity(
        type="crm",
        name="mixed",
        entity="deal",
        entity_id="deal_id",
        page="/deals/{deal_id}/{tab}",
        fields={
            "name": Field(values=("b",), aliases={"a": "b"}),
            "value_usd": Field(type="number"),
            "copy": Field(same_as="name"),
            "fixed": Field(constant="x"),
            "flag": Field(type="boolean"),
        },
    ),
]


class Body(BaseModel):
    deal_name: Any = None
    value_usd: Any = None
    client_id: Any = None
    name: Any = None


class SubBody(Body):
    customer_id: Any = None


@dataclasses.dataclass
class Out:
    id: Any
    name: Any = None
    note_id: Any = None


simple = st.sampled_from(
    [None, 1, -1, 2**63, 1.5, math.nan, math.inf, True, "a", "7", "gmail_api", "", [1], {"value_usd": "1"}, b"\xff"]
)
bodies = st.builds(Body, deal_name=simple, value_usd=simple, client_id=simple, name=simple) | st.builds(
    SubBody, name=simple, customer_id=simple
)
results = (
    simple
    | bodies
    | st.builds(Out, id=simple, name=simple, note_id=simple)
    | st.dictionaries(st.sampled_from(["id", "deal_id", "name", "value_usd", "note_id"]), simple)
    | st.just(ZeroDivisionError)
)
calls = st.tuples(st.fixed_dictionaries({"deal_id": simple, "customer_id": simple, "body": bodies | simple}), results)


def handler_of(kind: Activity) -> Any:
    """A freshly decorated handler that gives what it is told."""
    outcome: list[Any] = []

    @activity(kind)
    def handler(deal_id: Any, customer_id: Any, body: Any, tab: str = "main") -> Any:
        if outcome[0] is ZeroDivisionError:
            raise ZeroDivisionError
        return outcome[0]

    def call(arguments: dict[str, Any], result: Any) -> None:
        outcome[:] = [result]
        with suppress(ZeroDivisionError):
            handler(**arguments)

    return call


def told(event: CapturedActivity) -> str:
    """All of an activity that depends on the call."""
    return repr(
        (
            event.entity_id,
            event.page_url,
            event.page_route,
            sorted(event.action_data.items(), key=str),
            event.result_data,
            event.result_status,
        )
    )


@given(st.sampled_from(KINDS), st.lists(calls, min_size=2, max_size=4))
@settings(max_examples=120, deadline=None)
def test_a_call_is_recorded_as_if_it_were_the_first(kind: Activity, several: list[Any]) -> None:
    state.sites.clear()
    repeated = handler_of(kind)
    for arguments, result in several:
        with capture_activities() as captured:
            repeated(arguments, result)
            handler_of(kind)(arguments, result)
        assert told(captured[0]) == told(captured[1])


def mixed(deal: Any, value_usd: Any, tab: Any = "main") -> None:
    """A handler whose fields go by other names."""


RENAMES: dict[str, Any] = {"name": "deal.name", "deal_id": "result.id", "flag": bool}
any_call = st.tuples(st.fixed_dictionaries({"deal": bodies, "value_usd": simple, "tab": simple}), results)


def settled(event: ActivityEvent) -> tuple[Any, ...]:
    return (
        event.entity_id,
        event.page_url,
        event.page_route,
        repr(sorted(event.data.items())),
        event.result_data,
        event.finished,
    )


@given(any_call, any_call)
@settings(max_examples=300, deadline=None)
def test_a_shortcut_gives_what_the_rule_gives_or_steps_aside(first: Any, second: Any) -> None:
    kind = KINDS[-1]
    binding = plan(mixed, kind, RENAMES)
    shortcut = learn(binding, kind, *first)
    if shortcut is None:
        return
    for arguments, result in (first, second):
        ruled, quick, fresh = (ActivityEvent(kind, 1, "uid") for _ in range(3))
        if shortcut(quick, arguments, result):
            ruled.take(binding.find(arguments, result))
            assert settled(quick) == settled(ruled)
        else:
            assert settled(quick) == settled(fresh), "who steps aside has changed nothing"


def test_a_call_like_the_one_learnt_takes_the_shortcut() -> None:
    kind = KINDS[-1]
    binding = plan(mixed, kind, RENAMES)
    shortcut = learn(binding, kind, {"deal": Body(name="a"), "value_usd": 1.5, "tab": "main"}, Out(id=7))
    assert shortcut is not None
    event = ActivityEvent(kind, 1, "uid")
    assert shortcut(event, {"deal": Body(name="\ud800"), "value_usd": 2, "tab": "notes"}, Out(id=8))
    assert event.data == {"fixed": "x", "name": "?", "value_usd": 2, "copy": "?", "flag": True}
    assert (event.entity_id, event.page_url) == ("8", "/deals/8/notes")


def test_names_that_are_no_names_of_python_are_only_text() -> None:
    odd = ["class", "'] or boom() #", 'a"b\n', "\ud800", "{v}", "é", "ﬁ"]
    kind = Activity(type="crm", name="odd", page="/'{class}\\", fields={name: Field() for name in odd})

    def handler() -> None: ...

    binding = plan(handler, kind, {})
    result = dict.fromkeys(odd, "x")
    shortcut = learn(binding, kind, {}, result)
    assert shortcut is not None
    event = ActivityEvent(kind, 1, "uid")
    assert shortcut(event, {}, result)
    assert event.data == result
    assert event.page_url == "/'x\\"


def test_result_data_is_carried_at_every_call() -> None:
    @activity("crm.view_deal")
    def handler(deal_id: int) -> None:
        current_activity().result(at=datetime.date(2026, 1, 2))

    with capture_activities() as captured:
        handler(deal_id=1)
        handler(deal_id=2)
    assert [event.result_data for event in captured] == [{"at": "2026-01-02"}] * 2


def test_what_the_handler_sets_wins_at_every_call() -> None:
    @activity("crm.create_deal")
    def handler(deal_name: str, deal_id: int) -> None:
        if deal_name == "second":
            current_activity().set(deal_name="set", deal_id=99)

    with capture_activities() as captured:
        for name in ("first", "second", "third"):
            handler(deal_name=name, deal_id=1)
    assert [event.action_data["deal_name"] for event in captured] == ["first", "set", "third"]
    assert [event.entity_id for event in captured] == ["1", "99", "1"]


def test_a_handler_whose_calls_are_never_simple_is_not_studied_for_ever() -> None:
    @prelude_otel.activity("crm.view_deal")
    def view_deal(deal_id: int, note: str | None) -> None: ...

    site = getattr(view_deal, SITE)
    with capture_activities() as captured:
        for deal_id in range(20):
            view_deal(deal_id=deal_id, note=None)
    assert (site.lessons, site.shortcut) == (0, None)
    assert [event.entity_id for event in captured] == [str(deal_id) for deal_id in range(20)]
