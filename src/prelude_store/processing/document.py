"""A document of headings, sentences and tables, as Markdown or as a page of HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple, TypeAlias

__all__ = ["Block", "Heading", "Table", "Text", "html", "markdown"]


class Heading(NamedTuple):
    """Begins a section."""

    text: str


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Table(NamedTuple):
    """Lines under the names of their columns."""

    names: Sequence[str]
    lines: Sequence[Sequence[str]]


Block: TypeAlias = Heading | Text | Table

_MEANING: Final = re.compile(r"([\\`*{}\[\]<>#|~]|(?<!\w)_|_(?!\w))")
"""Signs that mean something; an underscore within a word does not."""
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#16191d;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.7rem}h2{font-size:1.15rem;margin-top:2rem;break-after:avoid}"
    "table{border-collapse:collapse;width:100%;margin:.6rem 0}thead{display:table-header-group}tr{break-inside:avoid}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d5dae0;overflow-wrap:break-word}"
    "@media print{body{font-size:9pt;max-width:none;margin:0;padding:0}}"
    "@page{size:A4;margin:18mm 15mm;@bottom-right{content:counter(page) ' / ' counter(pages);font:8pt sans-serif}}"
)


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """The document as Markdown; no text of it turns into anything else."""
    parts = [f"# {_plain(title)}"]
    for block in blocks:
        if isinstance(block, Table):
            lines = [block.names, ["---"] * len(block.names), *block.lines]
            parts.append("\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines))
        else:
            parts.append(("## " if isinstance(block, Heading) else "") + _plain(block.text))
    return "\n\n".join(parts) + "\n"


def html(title: str, blocks: Sequence[Block]) -> str:
    """The document as a page, without script and with nothing from elsewhere."""
    parts = [
        (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>"
        )
    ]
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"<h2>{escape(block.text)}</h2>")
        elif isinstance(block, Text):
            parts.append(f"<p>{escape(block.text)}</p>")
        else:
            head = "".join(f"<th>{escape(name)}</th>" for name in block.names)
            lines = "\n".join(
                f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in block.lines
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table>")
    return "\n".join([*parts, "</body></html>\n"])


def _plain(text: str) -> str:
    return " ".join(_MEANING.sub(r"\\\1", text).split())


def _cell(text: str) -> str:
    return text if text == "---" else _plain(text)
