"""An activity as it is declared: frozen data, checked when it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prelude_otel.contract.attributes import EVENT_PREFIX
from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_otel.errors import CatalogueError

__all__ = ["ENTITY_ID", "FIELD_TYPES", "Activity", "Field"]

FIELD_TYPES: Final = ("text", "number", "integer", "boolean", "id", "map")
ENTITY_ID: Final = "entity_id"
"""In `Field.same_as`: the id of the activity's entity."""

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of ``action_data``.

    Args:
        type: one of `FIELD_TYPES`. A value that does not fit goes to ``result_data.rejected_fields``.
        personal: redaction and erasure reach it.
        constant: always this value.
        same_as: another field, or ``entity_id``, whose value it takes where it has none of its own.
        values: the known values; unknown ones are stored as they are.
        aliases: other spellings of known values.
        fields: for a map, what is known of its keys.

    Raises:
        CatalogueError: the type is unknown, or settings contradict each other.
    """

    type: str = "text"
    personal: bool = False
    constant: Any = None
    same_as: str | None = None
    values: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Field] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type not in FIELD_TYPES:
            raise CatalogueError(f"field type {self.type!r} is unknown; choose one of {', '.join(FIELD_TYPES)}")
        if self.fields and self.type != "map":
            raise CatalogueError(f"a field of type {self.type!r} has no keys; use type 'map' to declare `fields`")
        if self.constant is not None and self.same_as is not None:
            raise CatalogueError("a field is either `constant` or `same_as` another one, not both")
        doubtful = sorted(set(self.aliases) & set(self.values))
        if doubtful:
            raise CatalogueError(f"{doubtful} are known values; they can't be aliases of others, too")
        unknown = sorted(set(self.aliases.values()) - set(self.values))
        if unknown:
            raise CatalogueError(f"aliases lead to {unknown}, which `values` does not name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A kind of action that a service may record: its names, entity, page and fields.

    Args:
        type: the action type, one of the eleven of the contract.
        name: the action's name, in lower snake case.
        category: optional sub-category.
        entity: what kind of thing the action is about ("deal").
        entity_id: the name under which the handler knows that thing's id ("deal_id"); where it is not found, the `id` of the
            handler's result.
        page: template of the page ("/crm/deals/{deal_id}").
        fields: the keys of ``action_data``, by name. Nothing else is captured from a handler.

    Raises:
        CatalogueError: a name is malformed, the type unknown, or `same_as` leads nowhere.
    """

    type: str
    name: str
    category: str | None = None
    entity: str | None = None
    entity_id: str | None = None
    page: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type not in ACTION_TYPES:
            raise CatalogueError(
                f"action type {self.type!r} of {self.name!r} is unknown; choose one of {', '.join(sorted(ACTION_TYPES))}"
            )
        if not _NAME.match(self.name):
            raise CatalogueError(f"action name {self.name!r} is not in lower snake case, like 'create_deal'")
        if self.entity_id is not None and self.entity is None:
            raise CatalogueError(f"{self.key}: entity_id {self.entity_id!r} is the id of what? Give `entity`, too")
        for name, declared in self.fields.items():
            if declared.same_as not in (None, ENTITY_ID) and declared.same_as not in self.fields:
                raise CatalogueError(
                    f"{self.key}: field {name!r} is same_as {declared.same_as!r}, which is no field of it"
                )

    @property
    def key(self) -> str:
        """``type.name``, as decorators name it."""
        return f"{self.type}.{self.name}"

    @property
    def event_name(self) -> str:
        """EventName of the record, and name of its span."""
        return f"{EVENT_PREFIX}{self.type}.{self.name}"

    @property
    def personal(self) -> tuple[str, ...]:
        """Paths of the personal fields, as ``prelude.personal`` carries them."""
        return tuple(f"action_data.{path}" for path in _personal_paths(self.fields))


def _personal_paths(fields: Mapping[str, Field]) -> list[str]:
    paths = []
    for name, declared in fields.items():
        if declared.personal:
            paths.append(name)
        else:
            paths.extend(f"{name}.{inner}" for inner in _personal_paths(declared.fields))
    return paths
