"""What services declare: the reference's activities, and those of catalogue files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prelude_otel.catalogue import builtin, load

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prelude_otel.catalogue import Catalogue

__all__ = ["known"]


def known(files: Iterable[Path] = ()) -> Catalogue:
    """The catalogue of the reference, with what `files` declare.

    Raises:
        CatalogueError: a file can't be read, or declares something wrongly.
    """
    catalogue = builtin()
    for file in files:
        catalogue.update(load(file))
    return catalogue
