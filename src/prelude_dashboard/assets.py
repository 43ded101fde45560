"""Styles and scripts, under names that tell their content: a browser keeps them for ever, and a new version has another name."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

__all__ = ["Asset", "assets", "named"]

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_IMPORT: Final = re.compile(rb'(?<=from "\./)([a-z]+\.js)(?=";)')


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served.

    Attributes:
        name: with a hash of the content in it.
        zipped: the content, compressed by gzip.
    """

    name: str
    media_type: str
    content: bytes
    zipped: bytes


@cache
def assets() -> dict[str, Asset]:
    """All assets, by the names of their files."""
    found: dict[str, Asset] = {}
    folder = files(__package__) / "static"
    content = {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in _TYPES}

    def add(name: str) -> Asset:
        if name not in found:
            # Modules import each other by the names under which they are served.
            text = _IMPORT.sub(lambda match: add(match[1].decode()).name.encode(), content[name])
            stem, _, kind = name.rpartition(".")
            served = f"{stem}.{sha256(text).hexdigest()[:12]}.{kind}"
            found[name] = Asset(served, _TYPES[kind], text, gzip.compress(text, 9, mtime=0))
        return found[name]

    for name in content:
        add(name)
    return found


@cache
def named() -> dict[str, Asset]:
    """All assets, by the names under which they are served."""
    return {asset.name: asset for asset in assets().values()}
