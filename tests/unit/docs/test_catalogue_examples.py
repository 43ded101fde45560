"""Blocks of TOML, YAML and JSON load; those of the catalogue page are catalogue files, equal in both forms."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from prelude_otel.catalogue import load
from prelude_otel.catalogue.model import FIELD_TYPES
from tests.unit.docs.blocks import ROOT, Block, blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = "docs/declare-activities.md"
READERS: dict[str, Callable[[str], Any]] = {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}


@pytest.mark.parametrize("block", blocks(*READERS), ids=str)
def test_a_block_of_settings_loads(block: Block) -> None:
    assert READERS[block.language](block.text)


def test_the_catalogue_files_of_the_page_declare_the_same_activities(tmp_path: Path) -> None:
    declared = []
    for block in blocks("toml", "yaml", page=PAGE):
        file = tmp_path / f"activities.{block.language}"
        file.write_text(block.text, encoding="utf-8")
        declared.append(load(file))
    in_toml, in_yaml = declared
    assert in_toml == in_yaml
    assert [activity.key for activity in in_toml] == ["crm.archive_deal", "calendar.book_room"]


def test_every_field_type_is_on_the_page() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert [type_ for type_ in FIELD_TYPES if f"\n| `{type_}` |" not in text] == []
