"""SQLite, made safe for handlers of every thread and typed by Pydantic models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from threading import RLock
from typing import Any, TypeVar

from pydantic import BaseModel

from prelude_demo_crm.errors import NotFoundError
from prelude_demo_crm.seed import seed

M = TypeVar("M", bound=BaseModel)


class Database:
    """One connection behind a lock, with schema and seed in place.

    Args:
        path: the database file; empty: a private one that ends with the process.
    """

    def __init__(self, path: str = "") -> None:
        self._lock = RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            for statement in resources.files(__package__).joinpath("schema.sql").read_text("utf-8").split(";\n"):
                self._connection.execute(statement)
            seed(self._connection)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        """Run one statement; its rows."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def all(self, model: type[M], sql: str, **values: Any) -> list[M]:
        """Run one statement; its rows as models."""
        return [model.model_validate(dict(row)) for row in self.run(sql, **values)]

    def one(self, model: type[M], sql: str, **values: Any) -> M:
        """Run one statement; its row as a model.

        Raises:
            NotFoundError: there is no row.
        """
        found = self.all(model, sql, **values)
        if not found:
            wanted = ", ".join(f"{name} {value}" for name, value in values.items())
            raise NotFoundError(f"There is no {model.__name__.lower()} with {wanted}")
        return found[0]
