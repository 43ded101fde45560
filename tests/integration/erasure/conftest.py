"""Who erases, with the rights of the governor alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from prelude_store.erasure.aim import Aim
from prelude_store.erasure.carry_out import Work, Worked, governing
from prelude_store.mentions.address import Address
from prelude_store.quarantine.reader import reader_of
from tests.support.postgres import as_role

Erase = Callable[..., Worked]


@pytest.fixture
def work(database: str) -> Callable[..., Any]:
    """Opens the work on somebody: ``with work("ada@x.com", new=None) as it: it.carry_out()``."""

    @contextmanager
    def opened(email: str, new: str | None = None, **how: Any) -> Iterator[Work]:
        with governing(as_role(database, "governor"), "test-erase") as connection:
            aim = Aim(Address(email), None if new is None else Address(new))
            yield Work(connection, aim, reader_of(), actor="test", **how)

    return opened


@pytest.fixture
def erase(work: Callable[..., Any]) -> Erase:
    def carried_out(email: str, new: str | None = None, **how: Any) -> Worked:
        with work(email, new, **how) as it:
            worked: Worked = it.carry_out()
            return worked

    return carried_out
