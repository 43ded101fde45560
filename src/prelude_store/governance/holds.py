"""Legal holds: what stays, whatever a policy or an erasure says.

A hold is by person (a keyed hash of the address), by entity, by time, or by several of them, which then all apply. Who removes or changes
rows asks inside the transaction that does it, so that nothing goes that was held before it began::

    with connection.transaction():
        holds.stand_still(connection)
        held = holds.held(connection)  # None: nothing is
        ...  # WHERE held.sql IS NULL
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_otel.errors import StoreError
from prelude_store.governance.acts import record_act
from prelude_store.governance.people import person_hash, person_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.governance.changes import RowKey

__all__ = ["Held", "Hold", "HoldError", "Wanted", "add", "held", "held_rows", "holds", "release", "stand_still"]

HOLD: Final = "hold"
RELEASE: Final = "release"
"""Kinds of acts."""

_LOCK: Final = 0x686F6C64  # "hold"
_BLOCK: Final = 64
"""Bytes of a block of SHA-256, which HMAC fills its key up to."""
_ACTIVE: Final = "hold.released_at IS NULL AND (hold.ends_at IS NULL OR hold.ends_at > now())"
_ALL: Final = f"""
SELECT id, person, entity_type, entity_id, since, until, reason, ends_at, added_at, released_at, {_ACTIVE} AS active
FROM public.legal_holds AS hold ORDER BY id
"""  # noqa: S608 (constants)
_ANY: Final = f"SELECT count(*), count(person) FROM public.legal_holds AS hold WHERE {_ACTIVE}"  # noqa: S608 (constants)
_ADD: Final = """
INSERT INTO public.legal_holds (person, entity_type, entity_id, since, until, reason, ends_at, act_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
# HMAC-SHA-256 of each address that the row names, once for all holds: OFFSET 0 keeps it apart.
_PERSONS: Final = """
SELECT ARRAY(
    SELECT sha256(%(hold_outer)s::bytea || sha256(%(hold_inner)s::bytea || convert_to(address, 'UTF8')))
    FROM public.prelude_addresses({log}) AS address
) AS persons OFFSET 0
"""
_HELD: Final = f"""
(SELECT array_agg(hold.id ORDER BY hold.id) FROM {{named}} public.legal_holds AS hold
WHERE {_ACTIVE}
    AND (hold.since IS NULL OR {{log}}."timestamp" >= hold.since) AND (hold.until IS NULL OR {{log}}."timestamp" < hold.until)
    AND (hold.entity_type IS NULL OR {{log}}.entity_type = hold.entity_type)
    AND (hold.entity_id IS NULL OR {{log}}.entity_id = hold.entity_id)
    AND (hold.person IS NULL OR {{person}}))
"""  # noqa: S608 (constants)
_ROWS: Final = """
SELECT event_id, moment, ids FROM (
    SELECT keys.event_id, keys.moment, {held} AS ids
    FROM unnest(%(event_ids)s::uuid[], %(moments)s::timestamptz[]) AS keys (event_id, moment)
    JOIN public.user_activity_logs AS log ON log."timestamp" = keys.moment AND log.event_id = keys.event_id
) AS rows WHERE ids IS NOT NULL
"""


class HoldError(StoreError):
    """A hold that makes no sense, or is not there; nothing was changed."""


class Wanted(NamedTuple):
    """A hold that is to be made; what is given applies together.

    Args:
        user: an address; what is kept of it is a keyed hash.
        since: what is from then on; with a zone.
        until: what is from before then.
        ends_at: from then on it holds nothing any more; None: until it is released.
    """

    reason: str
    user: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ends_at: datetime | None = None


class Hold(NamedTuple):
    """A hold as it stands in the database.

    Args:
        person: the keyed hash of an address.
        active: neither released nor ended.
    """

    id: int
    person: bytes | None
    entity_type: str | None
    entity_id: str | None
    since: datetime | None
    until: datetime | None
    reason: str
    ends_at: datetime | None
    added_at: datetime
    released_at: datetime | None
    active: bool


class Held(NamedTuple):
    """SQL that gives the ids of the holds that keep a row (NULL: none does), and its parameters."""

    sql: str
    parameters: dict[str, Any]


def add(connection: Connection, lane: int, actor: str, wanted: Wanted) -> int:
    """Make a hold, within an open transaction; gives its id. Once it is committed, nothing that it covers goes.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.

    Raises:
        HoldError: it covers nothing, or gives no reason, or has ended before it begins.
    """
    _refuse_senseless(connection, wanted)
    person = None
    if wanted.user is not None:
        try:
            person = person_hash(person_key(connection), wanted.user)
        except ValueError as error:
            raise HoldError(str(error)) from None
    # Who removes rows has let go of this lock when it is done: what it takes was not held yet.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    covers: dict[str, Any] = {
        "person": person and person.hex(), "entity_type": wanted.entity_type, "entity_id": wanted.entity_id,
        "since": wanted.since and wanted.since.isoformat(), "until": wanted.until and wanted.until.isoformat(),
        "ends_at": wanted.ends_at and wanted.ends_at.isoformat(),
    }  # fmt: skip
    detail = {name: value for name, value in covers.items() if value is not None}
    act = record_act(connection, lane, HOLD, actor, detail, wanted.reason.strip())
    row = connection.execute(
        _ADD,
        [
            *(person, wanted.entity_type, wanted.entity_id, wanted.since, wanted.until),
            *(wanted.reason.strip(), wanted.ends_at, act),
        ],
    ).fetchone()
    assert row is not None  # noqa: S101 (INSERT … RETURNING)
    return int(row[0])


def release(connection: Connection, lane: int, actor: str, hold: int, reason: str) -> None:
    """Let a hold go, within an open transaction; what it kept is due again.

    Raises:
        HoldError: there is none of that number, or it was released before, or no reason is given.
    """
    if not reason.strip():
        raise HoldError("a hold is released for a reason: give --reason")
    row = connection.execute("SELECT released_at FROM public.legal_holds WHERE id = %s FOR UPDATE", [hold]).fetchone()
    if row is None:
        raise HoldError(f"there is no hold {hold}; prelude store hold list shows those that there are")
    if row[0] is not None:
        raise HoldError(f"hold {hold} was released at {row[0]:%Y-%m-%d %H:%M} already")
    record_act(connection, lane, RELEASE, actor, {"hold": hold}, reason.strip())
    connection.execute("UPDATE public.legal_holds SET released_at = now() WHERE id = %s", [hold])


def holds(connection: Connection, *, all_of_them: bool = False) -> list[Hold]:
    """The holds that hold; or `all_of_them`, in order."""
    found = [Hold(*row) for row in connection.execute(_ALL.encode())]
    return found if all_of_them else [hold for hold in found if hold.active]


def stand_still(connection: Connection) -> None:
    """Until the transaction ends no hold is added: who asks `held` behind this may act upon the answer."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def held(connection: Connection, log: str = "log", whole: str | None = None) -> Held | None:
    """What tells which holds keep a row of ``user_activity_logs`` called `log` in a statement; None: there is no hold.

    A person's hold keeps what the person did, and what names the address in an entity, a page, data, results or tags.

    Args:
        whole: the row as a ``user_activity_logs``, where `log` is a table that was its partition.
    """
    row = connection.execute(_ANY.encode()).fetchone() or (0, 0)
    if not row[0]:
        return None
    if not row[1]:
        return Held(_HELD.format(named="", person="false", log=log), {})
    key = person_key(connection).ljust(_BLOCK, b"\0")
    return Held(
        _HELD.format(
            named=f"({_PERSONS.format(log=whole or log)}) AS named,",
            person="hold.person = ANY (named.persons)",
            log=log,
        ),
        {"hold_inner": bytes(byte ^ 0x36 for byte in key), "hold_outer": bytes(byte ^ 0x5C for byte in key)},
    )


def held_rows(connection: Connection, rows: Sequence[RowKey]) -> dict[tuple[UUID, datetime], list[int]]:
    """Which of `rows` are held, by event id and time, with the ids of their holds."""
    asked = held(connection) if rows else None
    if asked is None:
        return {}
    keys = {"event_ids": [row.event_id for row in rows], "moments": [row.timestamp for row in rows]}
    found = connection.execute(_ROWS.format(held=asked.sql).encode(), keys | asked.parameters)
    return {(event_id, moment): ids for event_id, moment, ids in found}


def _refuse_senseless(connection: Connection, wanted: Wanted) -> None:
    if not wanted.reason.strip():
        raise HoldError("a hold needs a reason, which may be read by whoever may read holds: give --reason")
    if (wanted.user, wanted.entity_type, wanted.since, wanted.until) == (None, None, None, None):
        raise HoldError(
            "a hold on everything is no hold: say whose (--user), about what (--entity TYPE or TYPE:ID), or of when (--from, --to);"
            " to stop retention altogether, remove its policies"
        )
    if wanted.entity_id is not None and wanted.entity_type is None:
        raise HoldError(f"the entity {wanted.entity_id!r} needs its type, e.g. deal:{wanted.entity_id}")
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise HoldError(f"a hold from {wanted.since:%Y-%m-%d %H:%M} to {wanted.until:%Y-%m-%d %H:%M} covers no time")
    row = connection.execute("SELECT now()").fetchone()
    if wanted.ends_at is not None and row is not None and wanted.ends_at <= row[0]:
        raise HoldError(f"a hold that ended at {wanted.ends_at:%Y-%m-%d %H:%M} holds nothing")
