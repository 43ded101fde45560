"""What was emitted, on disk: one line a fact, each in one write to a file opened for appending, so that kill -9 costs none of them.

A promise begins before the activity does, and is kept from the moment that emit has returned (or, for a foreign sender, that the
Collector has answered). The token, unique, is the activity's entity id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Book", "Ledger", "Promise", "read_books"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What must be in the database.

    Args:
        token: entity id of the row, or a text in the payload of the quarantined record.
        boot: which process made it.
        uid: the event's id; None for a record that goes to quarantine.
        start_us: its time.
        shortest, longest: bounds of the duration in milliseconds; None: it has none.
        at_risk: the disk took it not, so that it was in the memory of `boot` alone.
    """

    token: str
    boot: str
    action: str
    uid: str | None
    start_us: int
    shortest: int | None
    longest: int | None
    at_risk: bool = False


class Ledger:
    """Written by one process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begun(self, token: str) -> None:
        """An activity with this token may become a row."""
        self._write({"begun": token})

    def kept(self, promise: Promise) -> None:
        """It must."""
        self._write({name: getattr(promise, name) for name in Promise.__dataclass_fields__})

    def _write(self, fact: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(fact).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class Book:
    """All ledgers of a run."""

    begun: frozenset[str]
    promises: tuple[Promise, ...]


def read_books(folder: Path) -> Book:
    """What the ledgers in `folder` say now."""
    begun: set[str] = set()
    promises: list[Promise] = []
    for fact in _facts(folder):
        if "begun" in fact:
            begun.add(fact["begun"])
        else:
            promises.append(Promise(**fact))
    return Book(frozenset(begun), tuple(promises))


def _facts(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.ledger")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield json.loads(line)
