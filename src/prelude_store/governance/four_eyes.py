"""Whether a second one must consent: asked of the log itself, so that each service that works on it asks for the same.

The newest act of this kind says so. Nobody can take an act back, and each is sealed: when four eyes were asked for, and by whom they were
not any more, stays known. They are asked of the API and the dashboard; whoever acts by a database login acts beside them, and is told so.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from prelude_otel.errors import StoreError
from prelude_store.governance.acts import record_act

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["FOUR_EYES", "asked_for", "say_beside", "switch"]

FOUR_EYES: Final = "PRELUDE_FOUR_EYES"
"""Environment variable of `prelude analytics`: a service that has it on has the log ask for them."""

_KIND: Final = "four_eyes"
_LOCK: Final = 0x65796573  # "eyes"
_NEWEST: Final = "SELECT detail->'on' FROM public.governance_acts WHERE kind = %s ORDER BY id DESC LIMIT 1"


def asked_for(connection: Connection) -> bool:
    """Whether a second one must consent; for members of ``prelude_reader`` or ``prelude_governor``."""
    row = connection.execute(_NEWEST, [_KIND]).fetchone()
    return bool(row and row[0])


def switch(connection: Connection, lane: int, actor: str, *, on: bool, reason: str | None = None) -> bool:
    """Ask for them from now on, or not any more, within an open transaction; gives whether that is new.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`, with `actor`.

    Raises:
        StoreError: they are to go without a reason.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if asked_for(connection) == on:
        return False
    if not on and not (reason or "").strip():
        raise StoreError("four eyes are given up for a reason, which stands in the act: give --reason")
    record_act(connection, lane, _KIND, actor, {"on": on}, reason)
    return True


def say_beside(connection: Connection) -> None:
    """Where four eyes are asked for, say that this needs nobody's consent, and who will be named; on standard error."""
    if os.environ.get(FOUR_EYES, "").strip().lower() != "on" and not asked_for(connection):
        return
    row = connection.execute("SELECT session_user::text").fetchone()
    click.echo(
        "Four eyes are asked of the API and the dashboard alone: a database login is a power of its own."
        f" This acts without anybody's consent, and its act names {row and row[0]}.",
        err=True,
    )
