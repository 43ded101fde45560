"""Read catalogue files: TOML, or YAML where PyYAML is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prelude_otel.catalogue.model import Activity, Field
from prelude_otel.catalogue.registry import Catalogue
from prelude_otel.errors import CatalogueError, MissingExtraError

__all__ = ["activity_from_mapping", "builtin", "load"]

_ACTIVITY_KEYS = frozenset({"category", "entity", "entity_id", "page", "fields"})
_FIELD_KEYS = frozenset({"type", "personal", "constant", "same_as", "values", "aliases", "fields"})


@cache
def _builtin_activities() -> tuple[Activity, ...]:
    text = resources.files(__package__).joinpath("builtin.toml").read_text(encoding="utf-8")
    return tuple(_activities(tomllib.loads(text), "builtin.toml"))


def builtin() -> Catalogue:
    """A new catalogue with the eighteen activities of the reference."""
    return Catalogue(_builtin_activities())


def load(path: str | Path) -> tuple[Activity, ...]:
    """Read the activities that a catalogue file declares.

    Args:
        path: a ``.toml``, ``.yaml`` or ``.yml`` file laid out as `prelude_otel/catalogue/builtin.toml`.

    Raises:
        CatalogueError: the file can't be read, or declares something wrongly; names file and activity.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"catalogue file {path} can't be read: {error}") from error
    return tuple(_activities(_parse(path, text), str(path)))


def activity_from_mapping(type_: str, name: str, entry: Mapping[str, Any]) -> Activity:
    """An activity from the entry of a catalogue file, or from the keyword arguments of `declare`.

    Raises:
        CatalogueError: an unknown key, or a wrong value.
    """
    key = f"{type_}.{name}"
    if not isinstance(entry, Mapping):
        raise CatalogueError(f"{key}: expected a table, got {entry!r}")
    _refuse_unknown(key, entry, _ACTIVITY_KEYS)
    for text_key in ("category", "entity", "entity_id", "page"):
        if not isinstance(entry.get(text_key), str | None):
            raise CatalogueError(f"{key}: {text_key} is text, got {entry[text_key]!r}")
    return Activity(
        type=type_,
        name=name,
        category=entry.get("category"),
        entity=entry.get("entity"),
        entity_id=entry.get("entity_id"),
        page=entry.get("page"),
        fields=_fields(key, entry.get("fields", {})),
    )


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise CatalogueError(f"catalogue file {path} is not TOML: {error}") from error
    if path.suffix in (".yaml", ".yml"):
        try:
            import yaml
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"catalogue file {path}", "yaml", "yaml") from error
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise CatalogueError(f"catalogue file {path} is not YAML: {error}") from error
    raise CatalogueError(f"catalogue file {path} must end in .toml, .yaml or .yml")


def _activities(document: Any, source: str) -> list[Activity]:
    if not isinstance(document, Mapping):
        raise CatalogueError(f"{source}: expected tables [<type>.<name>], got {type(document).__name__}")
    activities = []
    for type_, entries in document.items():
        if not isinstance(entries, Mapping):
            raise CatalogueError(f"{source}: expected tables [{type_}.<name>], got {entries!r}")
        for name, entry in entries.items():
            try:
                activities.append(activity_from_mapping(str(type_), str(name), entry))
            except CatalogueError as error:
                raise CatalogueError(f"{source}: {error}") from error
    return activities


def _fields(owner: str, entries: Any) -> Mapping[str, Field]:
    if not isinstance(entries, Mapping):
        raise CatalogueError(f"{owner}: fields is a table of fields, got {entries!r}")
    fields = {}
    for name, entry in entries.items():
        path = f"{owner}.{name}"
        if isinstance(entry, Field):
            fields[name] = entry
            continue
        settings: Any = {"type": entry} if isinstance(entry, str) else entry
        if not isinstance(settings, Mapping):
            raise CatalogueError(f"{path}: a field is a type or a table, got {entry!r}")
        _refuse_unknown(path, settings, _FIELD_KEYS)
        try:
            fields[name] = Field(
                type=settings.get("type", "text"),
                personal=bool(settings.get("personal", False)),
                constant=settings.get("constant"),
                same_as=settings.get("same_as"),
                values=tuple(settings.get("values", ())),
                aliases=MappingProxyType(dict(settings.get("aliases", {}))),
                fields=_fields(path, settings.get("fields", {})),
            )
        except (CatalogueError, TypeError, ValueError) as error:
            raise CatalogueError(f"{path}: {error}") from error
    return MappingProxyType(fields)


def _refuse_unknown(owner: str, entry: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(str(key) for key in entry.keys() - known)
    if unknown:
        raise CatalogueError(f"{owner}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
