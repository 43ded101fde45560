"""Four eyes are asked for by the API and the dashboard; whoever acts by a database login acts beside them, and is told so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["FOUR_EYES", "say_beside"]

FOUR_EYES: Final = "PRELUDE_FOUR_EYES"
"""Environment variable of `prelude analytics`."""


def say_beside(connection: Connection) -> None:
    """Where four eyes are asked for, say that this needs nobody's consent, and who will be named; on standard error."""
    if os.environ.get(FOUR_EYES, "").strip().lower() != "on":
        return
    row = connection.execute("SELECT session_user::text").fetchone()
    click.echo(
        f"{FOUR_EYES} is on, and is asked of the API and the dashboard alone: a database login is a power of its own."
        f" This acts without anybody's consent, and its act names {row and row[0]}.",
        err=True,
    )
