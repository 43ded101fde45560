"""An erasure or a change of address that a request asks for, from its first step to its receipt; runs in a thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from prelude_analytics.governing.jobs import StoppedError
from prelude_otel.errors import PreludeError
from prelude_store import lanes
from prelude_store.catalogues import known
from prelude_store.connection import connect, said
from prelude_store.erasure import receipts
from prelude_store.erasure.aim import Aim
from prelude_store.erasure.carry_out import Work, governing
from prelude_store.governance import requests
from prelude_store.governance.people import person_key
from prelude_store.governance.receipts import keep
from prelude_store.mentions.person import Person
from prelude_store.quarantine.reader import reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from prelude_store.governance.requests import Request

__all__ = ["Task", "carry_out"]

_NOTHING: Final = "nothing is held on the person"
_log = logging.getLogger(__name__)


class Task(NamedTuple):
    """What is to be done.

    Args:
        request: as it stood before it was begun.
        address: of the person, as it was typed or is in the request.
        new: that takes its place.
        actor: who has it done.
        catalogues: catalogue files of the services: they say which fields are personal.
        key_file: of the seals, which signs receipts.
    """

    request: Request
    address: Person
    new: Person | None
    actor: str
    reason: str | None = None
    catalogues: Sequence[Path] = ()
    key_file: str | None = None


def carry_out(conninfo: str, task: Task, progress: Callable[[str, int, int], None]) -> None:
    """Do it, keep the receipt, and close the request; where it fails, the request is open as before, and says why.

    Args:
        conninfo: of a login in ``prelude_governor``.
        progress: told what is being done, how much of it is, and of how much.
    """
    try:
        with governing(conninfo, "prelude-analytics-request") as connection:
            work = Work(
                connection, Aim(task.address, task.new, known(task.catalogues)), reader_of(task.catalogues),
                actor=task.actor, reason=task.reason, progress=progress,
            )  # fmt: skip
            worked = work.carry_out()
            with connection.transaction():
                outcome: str | None = _NOTHING
                if worked.run is not None:
                    made = receipts.make(worked, person_key(connection), scrubbed=False, key_file=task.key_file)
                    keep(connection, worked.run.kind, work.person, worked.act_id, made, task.request.id)
                    outcome = _left(worked.left)
                requests.close(connection, lanes.claim(connection), task.actor, task.request.id, "done", outcome)
    except StoppedError:
        raise
    except (PreludeError, psycopg.Error) as error:
        why = said(error) if isinstance(error, psycopg.Error) else str(error)
        _give_back(conninfo, task, task.address.replaced(why, "[the person]"))


def _left(places: list[str]) -> str | None:
    return None if not places else f"the address still stands in {', '.join(places)}"


def _give_back(conninfo: str, task: Task, why: str) -> None:
    _log.warning("request %d could not be carried out: %s", task.request.id, why)
    with connect(conninfo, "prelude-analytics-request") as connection:
        requests.give_back(connection, task.request.id, task.address.email, why)
