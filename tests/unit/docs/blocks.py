"""The pages of the documentation, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "Block", "all_words", "blocks", "name_of", "pages", "section"]

ROOT: Final = Path(__file__).parents[3]
_FENCE: Final = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file that holds it.
        line: where it begins.
        language: what stands behind the fence.
        text: what stands between the fences.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def pages() -> list[Path]:
    """Every page that a reader may open."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/*.md"))]


def name_of(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """Blocks in one of `languages` (all when none is given), on all pages or on one."""
    found = []
    for path in [ROOT / page] if page else pages():
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if not languages or match["language"] in languages:
                line = text.count("\n", 0, match.start()) + 2
                found.append(Block(path, line, match["language"], match["text"]))
    return found


def section(page: str, heading: str) -> str:
    """What stands under a heading of the second level, up to the next one."""
    text = (ROOT / page).read_text(encoding="utf-8")
    start = text.index(f"## {heading}\n")
    return text[start:].removeprefix("## ").partition("\n## ")[0]


def all_words() -> str:
    """All pages in one text."""
    return "\n".join(page.read_text(encoding="utf-8") for page in pages())
