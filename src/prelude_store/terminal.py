"""What commands of several rooms show and say alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import psycopg

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store.connection import said
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target

__all__ = ["plain_errors", "progress_bar"]


@contextmanager
def plain_errors(flag: str | None, role: str) -> Iterator[None]:
    """What the database says becomes an error of ours.

    Args:
        flag: where the database is, as the command was told.
        role: that its login needs.

    Raises:
        StoreError: the login lacks it.
        StoreUnavailableError: the database was lost.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(f"this login may not do that: GRANT {role} TO it ({said(error)})") from None
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"lost {target(find_database_url(flag))}: {said(error)}") from None


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, and what tells it how many are done, and how many there are."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield show
