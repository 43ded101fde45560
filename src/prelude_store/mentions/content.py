"""What others can read of a person in a row, and what is left of it: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.mentions import json_text
from prelude_store.mentions.json_text import Number

if TYPE_CHECKING:
    from prelude_otel.catalogue import Catalogue

__all__ = ["CONTENT", "ERASED", "Content", "changed", "changed_fields", "personal_paths", "texts", "without_fields"]

ERASED: Final = "[erased]"
"""Stands where something personal was."""

CONTENT: Final = ("page_url", "entity_id", "action_data", "result_data", "tags")
"""The columns that may name anybody."""

Change = Callable[[str], str]


class Content(NamedTuple):
    """What a row says about what was done; JSON as text."""

    page_url: str | None
    entity_id: str | None
    action_data: str | None
    result_data: str | None
    tags: Sequence[str] | None


def personal_paths(catalogue: Catalogue, action_type: str, action_name: str, named: Sequence[str] | None) -> list[str]:
    """Paths of the personal fields of a row: those that the `catalogue` knows, and those that the row names itself."""
    known = catalogue.get(f"{action_type}.{action_name}")
    return [*(known.personal if known is not None else ()), *(named or ())]


def changed(content: Content, change: Change) -> Content:
    """`content` with every text in it as `change` has it, names of fields included."""
    page_url, entity_id, action_data, result_data, tags = content
    return Content(
        page_url and change(page_url),
        entity_id and change(entity_id),
        action_data and _changed_json(action_data, change),
        result_data and _changed_json(result_data, change),
        None if tags is None else [change(tag) for tag in tags],
    )


def without_fields(content: Content, paths: Sequence[str]) -> Content:
    """`content` with `ERASED` for the value of each of the `paths`, such as ``action_data.to_email``; what is empty stays so."""
    for path in paths:
        column, _, inner = path.partition(".")
        if column in ("entity_id", "page_url") and getattr(content, column):
            content = content._replace(**{column: ERASED})
        elif column in ("action_data", "result_data") and getattr(content, column):
            content = content._replace(**{column: _without(getattr(content, column), inner)})
        elif column == "tags" and content.tags:
            content = content._replace(tags=[ERASED])
    return content


def changed_fields(content: Content, paths: Sequence[str], change: Change) -> Content:
    """`content` with each whole value of the `paths` as `change` has it: a text, or a number as a text; names of fields stay."""
    for path in paths:
        column, _, inner = path.partition(".")
        value = getattr(content, column) if column in CONTENT else None
        if not value:
            continue
        if column in ("entity_id", "page_url"):
            content = content._replace(**{column: change(value)})
        elif column == "tags":
            content = content._replace(tags=[change(tag) for tag in value])
        else:
            content = content._replace(**{column: _at(value, inner, lambda field: _valued(field, change))})
    return content


def texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, names of fields included."""
    if isinstance(value, str):
        if not isinstance(value, Number):
            yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def _changed_json(text: str, change: Change) -> str:
    value = json_text.read(text)
    other = _walked(value, change)
    return text if other == value else json_text.write(other)


def _walked(value: Any, change: Change) -> Any:
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walked(one, change) for one in value]
    if isinstance(value, dict):
        return {change(name): _walked(one, change) for name, one in value.items()}
    return value


def _valued(value: Any, change: Change) -> Any:
    """A value of JSON with each text and number in it as `change` has it; the same number where it stays."""
    if isinstance(value, str):
        other = change(str(value))
        return value if other == value else other
    if isinstance(value, list):
        return [_valued(one, change) for one in value]
    if isinstance(value, dict):
        return {name: _valued(one, change) for name, one in value.items()}
    return value


def _without(text: str, path: str) -> str:
    if not path:
        value = json_text.read(text)
        return text if value in ({}, None) else json_text.write({ERASED: ERASED} if isinstance(value, dict) else ERASED)
    return _at(text, path, lambda field: field if field is None else ERASED)


def _at(text: str, path: str, change: Callable[[Any], Any]) -> str:
    """JSON with the value at `path` as `change` has it; all of it where there is no path."""
    value = json_text.read(text)
    if not path:
        other = change(value)
        return text if other == value else json_text.write(other)
    if not isinstance(value, dict):
        return text
    holder, names = value, path.split(".")
    while len(names) > 1:
        # A name may hold dots itself: the longest that is there is the one that is meant.
        width = next((n for n in range(len(names) - 1, 0, -1) if isinstance(holder.get(".".join(names[:n])), dict)), 0)
        if not width:
            break
        holder, names = holder[".".join(names[:width])], names[width:]
    name = ".".join(names)
    before = holder.get(name)
    after = change(before)
    if after == before:
        return text
    holder[name] = after
    return json_text.write(value)
