"""The questions in SQL: one named file each, under ``sql/``, with ``%(name)s`` parameters."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from psycopg import sql

__all__ = ["filled", "load", "names", "text"]

_FOLDER: Final = files("prelude_analytics") / "sql"


@cache
def names() -> tuple[str, ...]:
    """All that there are."""
    return tuple(sorted(file.name.removesuffix(".sql") for file in _FOLDER.iterdir() if file.name.endswith(".sql")))


@cache
def text(name: str) -> str:
    """The file ``sql/<name>.sql`` as it is."""
    return (_FOLDER / f"{name}.sql").read_text("utf-8")


def filled(name: str, /, **fragments: str) -> str:
    """The file ``sql/<name>.sql``, a part of a statement, with `fragments` as `load` has them."""
    statement = text(name)
    for place, fragment in fragments.items():
        marked = f"{{{place}}}"
        if marked not in statement:
            raise KeyError(f"sql/{name}.sql has no {marked}")
        statement = statement.replace(marked, fragment)
    return statement


def load(name: str, /, **fragments: str) -> sql.SQL:
    """The statement of ``sql/<name>.sql``.

    Args:
        fragments: SQL of ours for each ``{name}`` that stands in the file, such as the condition that `Filters.where` gives. What a
            client wrote is never among them: it travels as a parameter.
    """
    return sql.SQL(filled(name, **fragments))  # made of our own files and fragments alone
