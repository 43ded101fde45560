"""Declared values are found among a handler's arguments, its bodies and its result; nothing else is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from prelude_otel import Activity, Field, activity, state
from prelude_otel.binding import MISSING, Failed, plan
from prelude_otel.errors import CatalogueError, ConfigurationError
from prelude_otel.testing import CapturedActivity, capture_activities

ORDER = Activity(
    type="crm",
    name="order",
    entity="order",
    entity_id="order_id",
    page="/shops/{shop}/orders",
    fields={"title": Field(), "total": Field(type="number"), "count": Field(type="integer")},
)


class Body(BaseModel):
    title: str
    total: float = 0.0
    secret: str = "nobody's business"


@dataclasses.dataclass
class Result:
    id: int
    count: int = 3


def found(function: Callable[..., Any], *args: Any, result: Any = None, renames: Any = None, **kwargs: Any) -> Any:
    """What is found in one call of `function` that gives `result`."""
    binding = plan(function, ORDER, renames or {})
    return binding.find(binding.by_name(args, kwargs), result)


def test_arguments_are_found_by_name_however_they_are_passed() -> None:
    def handler(shop: str, /, order_id: int, *, title: str, other: str = "x") -> None: ...

    assert found(handler, "north", 7, title="a") == {"shop": "north", "order_id": 7, "title": "a"}
    assert found(handler, "north", order_id=7, title="a") == {"shop": "north", "order_id": 7, "title": "a"}


def test_defaults_count_where_nothing_is_passed() -> None:
    def handler(order_id: int, count: int = 5) -> None: ...

    assert found(handler, 7) == {"order_id": 7, "count": 5}


def test_attributes_of_pydantic_bodies_and_dataclasses_are_found() -> None:
    def handler(body: Body) -> None: ...

    def other(thing: Result) -> None: ...

    assert found(handler, body=Body(title="a", total=2.5)) == {"title": "a", "total": 2.5}
    assert found(other, thing=Result(id=1)) == {"count": 3}


def test_the_result_is_read_where_the_arguments_have_nothing() -> None:
    def handler(body: Body) -> None: ...

    assert (
        found(handler, body=Body(title="a"), result={"count": 9, "title": "other"})
        == {
            "title": "a",
            "total": 0.0,
            "count": 9,
        }
        | {}
    )


def test_the_results_id_is_the_entitys_where_nothing_else_gives_it() -> None:
    def create(title: str) -> None: ...

    def update(order_id: int) -> None: ...

    assert found(create, title="a", result=Result(id=42))["order_id"] == 42
    assert found(create, title="a", result={"id": 43})["order_id"] == 43
    assert found(update, order_id=1, result=Result(id=42))["order_id"] == 1


def test_an_argument_that_is_none_leaves_the_id_to_the_result() -> None:
    def save(order_id: int | None = None) -> None: ...

    assert found(save, order_id=None, result=Result(id=42))["order_id"] == 42
    assert found(save, result=Result(id=42))["order_id"] == 42


def test_where_the_handler_raised_only_the_arguments_count() -> None:
    def handler(order_id: int, body: Body) -> None: ...

    assert found(handler, 7, Body(title="a"), result=MISSING) == {"order_id": 7, "title": "a", "total": 0.0}


def test_arguments_collected_by_a_function_are_found_by_name() -> None:
    def handler(**fields: Any) -> None: ...

    assert found(handler, order_id=7, title="a", unknown=1) == {"order_id": 7, "title": "a"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("q", "acme"),
        ("body.title", "from body"),
        ("options.name", "from map"),
        ("result.inner.title", "from result"),
        (lambda result: result["inner"]["title"].upper(), "FROM RESULT"),
    ],
)
def test_a_field_may_go_by_another_name(source: Any, expected: str) -> None:
    def handler(q: str, body: Body, options: dict[str, str]) -> None: ...

    result = {"inner": {"title": "from result"}}
    given_arguments = {"q": "acme", "body": Body(title="from body"), "options": {"name": "from map"}}
    assert found(handler, renames={"title": source}, result=result, **given_arguments)["title"] == expected


def test_a_path_that_leads_nowhere_finds_nothing() -> None:
    def handler(q: Any = None) -> None: ...

    for q in (None, 5, {"other": 1}, Result(id=1)):
        assert "title" not in found(handler, renames={"title": "q.name.first"}, q=q)


def test_the_entitys_id_and_the_pages_parameters_can_be_renamed_too() -> None:
    def handler(id: int, store: str) -> None: ...  # noqa: A002

    assert found(handler, 7, "north", renames={"order_id": "id", "shop": "store"}) == {"order_id": 7, "shop": "north"}


@pytest.mark.parametrize(
    ("renames", "message"),
    [
        ({"titel": "q"}, r"crm\.order has no field 'titel' to rename; did you mean 'title'\?"),
        ({"zzz": "q"}, r"crm\.order has no field 'zzz' to rename$"),
        ({"title": "deal.name"}, r"'deal\.name' begins with 'deal', which is neither a parameter nor 'result'"),
    ],
)
def test_a_wrong_rename_is_refused(renames: dict[str, str], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        plan(lambda q: None, ORDER, renames)


def test_a_function_or_property_that_raises_is_kept_apart() -> None:
    class Lazy:
        @property
        def count(self) -> int:
            raise LookupError

    def handler() -> None: ...

    values = found(handler, result=Lazy(), renames={"title": lambda _: 1 / 0})
    assert isinstance(values["title"], Failed)
    assert isinstance(values["title"].error, ZeroDivisionError)
    assert isinstance(values["count"].error, LookupError)


def test_nothing_that_is_not_declared_is_read() -> None:
    class Watchful:
        def __getattr__(self, name: str) -> Any:
            assert name in {"title", "total", "count", "id", "order_id", "shop"}, f"{name} was read"
            raise AttributeError(name)

    def handler(order_id: int, body: Body, token: str) -> None: ...

    values = found(handler, 7, Body(title="a"), "secret", result=Watchful())
    assert values == {"order_id": 7, "title": "a", "total": 0.0}


def test_postponed_annotations_change_nothing() -> None:
    with capture_activities() as captured:

        @activity(ORDER)
        def handler(order_id: NotDefinedAnywhere, body: Body) -> AlsoNot:  # type: ignore[name-defined]  # noqa: F821
            return None

        handler(7, body=Body(title="a"))
    assert captured.only().entity_id == "7"
    assert captured.only().action_data == {"title": "a", "total": 0.0}


def test_a_wrong_rename_says_where_it_stands() -> None:
    @activity(ORDER, fields={"titel": "q"})
    def handler(q: str) -> None: ...

    with pytest.raises(CatalogueError, match=r"test_binding\.py:\d+ \(.*handler\): crm\.order has no field 'titel'"):
        state.sites[-1].resolve(state.declared)


@pytest.mark.parametrize("thing", [7, Body, "text"])
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"belongs on a function, not on"):
        activity("crm.view_deal")(thing)


def test_a_generator_is_refused_with_what_to_do_instead() -> None:
    def generate() -> Any:
        yield 1

    async def generate_async() -> Any:
        yield 1

    for function in (generate, generate_async):
        with pytest.raises(ConfigurationError, match=r"prelude_otel\.record"):
            activity("crm.view_deal")(function)


def test_a_method_is_decorated_like_a_function() -> None:
    with capture_activities() as captured:

        class Shop:
            @activity(ORDER)
            def place(self, order_id: int, title: str = "none") -> None: ...

        Shop().place(5)
    event: CapturedActivity = captured.only()
    assert (event.entity_id, event.action_data) == ("5", {"title": "none"})
