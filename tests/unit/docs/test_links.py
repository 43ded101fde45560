"""Links within the repository lead somewhere, pictures can be read, and every block says its language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.unit.docs.blocks import ROOT, blocks, name_of, pages

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = {"python", "sh", "sql", "toml", "yaml", "json", "text", "ini"}
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_to_something_that_is_there(page: Path) -> None:
    astray = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in _anchors(target)):
            astray.append(link)
    assert astray == []


def test_every_page_of_docs_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    docs = {page.name for page in pages() if page.parent == ROOT / "docs"} - {"README.md"}
    assert {name for name in docs if f"]({name})" not in index} == set()


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_a_block_says_its_language(block: object) -> None:
    assert getattr(block, "language", None) in LANGUAGES


@pytest.mark.parametrize("picture", sorted((ROOT / "docs/images").iterdir()), ids=lambda path: path.name)
def test_a_picture_has_a_title_and_is_for_light_and_dark(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    svg = ET.fromstring(text)
    assert svg.find("{http://www.w3.org/2000/svg}title") is not None
    assert "prefers-color-scheme: dark" in text
