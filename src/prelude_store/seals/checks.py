"""What `prelude doctor` asks about seals: is somebody sealing, with the right key, and do checkpoints leave the house."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from prelude_otel.errors import ConfigurationError, MissingExtraError
from prelude_store.seals.bucket import Bucket
from prelude_store.seals.keys import KEY_FILE, SigningKey
from prelude_store.seals.outside import BUCKET, CHECKPOINT_FILE, WEBHOOK
from prelude_store.seals.passes import is_named_by_act
from prelude_store.seals.sealer import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prelude_store.connection import Connection

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""As in `prelude_store.checks`."""

_LATE: Final = timedelta(seconds=10)
"""After which what is committed should be sealed, and what is sealed signed."""
_STAYED: Final = timedelta(minutes=1)
"""After which a checkpoint should be outside."""
_BACK: Final = "1 hour"
"""How far back names in a bucket are listed."""
_TAIL: Final = 64 * 1024
_STATE: Final = """
SELECT origin, size, now() - as_of,
    (SELECT coalesce(sum(last_seq - coalesce(seq, 0)), 0)::bigint FROM public.ingest_lanes LEFT JOIN public.seal_cursors USING (lane)),
    (SELECT now() - max(signed_at) FROM public.seal_checkpoints), (SELECT max(size) FROM public.seal_checkpoints),
    EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid::bigint = %(lock)s::bigint >> 32 AND objid::bigint = %(lock)s::bigint & 4294967295
    )
FROM public.seal_state
"""
_OUTSIDE: Final = """
SELECT (SELECT max(size) FROM public.seal_checkpoints), (SELECT now() - min(signed_at) FROM public.seal_checkpoints WHERE size > %(size)s),
    (SELECT note FROM public.seal_checkpoints WHERE size = %(size)s)
"""
_BEFORE: Final = (
    f"SELECT coalesce(max(size), 0) FROM public.seal_checkpoints WHERE signed_at < now() - interval '{_BACK}'"  # noqa: S608 (a constant)
)
_START: Final = (
    "Start prelude analytics with PRELUDE_SEAL_KEY_FILE, or prelude store seal run; its log says why it does not seal."
)
_VERIFY: Final = "Run prelude store verify --checkpoint with it: the database was rolled back or restored, or somebody touched the log."


def checks(connection: Connection, context: Mapping[str, str]) -> Iterator[Finding]:
    """Findings about a log that is sealed, or for which there is a key here; none where this login may not look.

    Args:
        context: ``seal_key_file`` and ``seal_checkpoint_file`` of a running `prelude up`; else they are as the environment says.
    """
    try:
        row = connection.execute(_STATE, {"lock": LOCK}).fetchall()[0]
    except psycopg.errors.InsufficientPrivilege:
        return
    origin, size, age, waiting, signed_age, signed_size, held = row
    key_file = os.environ.get(KEY_FILE) or context.get("seal_key_file", "")
    if origin is None and not key_file and not held:
        return
    yield _sealing(held=held, age=age, waiting=waiting, unsigned=size - (signed_size or 0), signed_age=signed_age)
    if key_file:
        yield _key(connection, Path(key_file), origin)
    yield from _outside(connection, context, origin)


def _sealing(
    *, held: bool, age: timedelta | None, waiting: int, unsigned: int, signed_age: timedelta | None
) -> Finding:
    name = "seals"
    if not held:
        since = f"; the last did {_ago(age)} ago" if age is not None else ""
        return name, False, f"nobody seals{since}, and {waiting:,} entries wait", _START
    if waiting and (age is None or age > _LATE):
        found = f"seals lag by {_ago(age)}, {waiting:,} entries wait" if age else f"{waiting:,} entries wait for seals"
        remedy = (
            "It catches up once less is written than a quarter of a core can seal; prelude store seal run --share 1, in place of the"
            " present sealer, takes a whole one."
        )
        return name, False, found, remedy
    if unsigned and (signed_age is None or signed_age > _LATE):
        return (
            name,
            False,
            f"{unsigned:,} leaves are under no signature",
            "The log of the sealer says why it signs nothing.",
        )
    return name, True, f"sealed up to {_ago(age)} ago" if age is not None else "a sealer begins", ""


def _key(connection: Connection, path: Path, origin: str | None) -> Finding:
    name = "seal key"
    if path.exists() and not os.access(path, os.R_OK):
        return name, None, f"{path} is for another login of this machine", "Let doctor run as the one that seals."
    try:
        key = SigningKey.read(path)
    except MissingExtraError as error:
        return name, None, str(error), ""
    except ConfigurationError as error:
        found, _, remedy = str(error).partition("; ")
        remedy = f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "Take it from the copy that is kept elsewhere."
        return name, False, found, remedy
    if origin not in (None, key.name):
        remedy = f"Give the sealer the key of {origin}: a copy of it, since no other can sign on."
        return name, False, f"{path} is the key of {key.name}, and this log is {origin}", remedy
    known = [vkey for (vkey,) in connection.execute("SELECT vkey FROM public.seal_keys ORDER BY id")]
    if known and known[-1] != str(key.verifier) and not is_named_by_act(connection, str(key.verifier)):
        remedy = "Give the sealer the present key, or let this one follow it: prelude store seal key rotate."
        return name, False, f"no act of the log names the key in {path}: it may not sign", remedy
    return name, True, f"{key.verifier.id.hex()}, of {key.name}", ""


def _outside(connection: Connection, context: Mapping[str, str], origin: str | None) -> Iterator[Finding]:
    file = os.environ.get(CHECKPOINT_FILE) or context.get("seal_checkpoint_file", "")
    bucket = os.environ.get(BUCKET, "")
    if file:
        yield _file(connection, Path(file), origin)
    if bucket:
        yield _bucket(connection, bucket, origin)
    if os.environ.get(KEY_FILE) and not (file or bucket or os.environ.get(WEBHOOK)):
        remedy = (
            f"Set {CHECKPOINT_FILE}, {WEBHOOK} or {BUCKET}: what stays inside proves nothing against who may change it."
        )
        yield "checkpoints", None, "nothing here says where checkpoints go", remedy


def _file(connection: Connection, path: Path, origin: str | None) -> Finding:
    name = "checkpoint file"
    if path.exists() and not path.is_file():
        return name, None, f"{path} is a pipe or a device: what went into it can't be seen", ""
    try:
        with path.open("rb+" if not path.exists() else "ab"):
            pass
        newest = _newest_in(path)
    except FileNotFoundError:
        return (
            name,
            False,
            f"there is no {path}: no checkpoint was written to it",
            "Start the sealer with it: it makes the file.",
        )
    except OSError as error:
        return (
            name,
            False,
            f"checkpoints can't be added to {path}: {error.strerror}",
            "Let the sealer's login write there, and see that its disk is mounted and has room.",
        )
    except (ValueError, TypeError, KeyError):
        return name, False, f"the last line of {path} is no checkpoint", _VERIFY
    if newest is None:
        return _compared(connection, name, str(path), 0, None)
    if newest["origin"] != origin:
        remedy = "Give each log a file of its own, and doctor the file of this one."
        return name, False, f"the last checkpoint in {path} is of the log {newest['origin']}, not of {origin}", remedy
    return _compared(connection, name, str(path), int(newest["size"]), str(newest["note"]))


def _newest_in(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
        lines = file.read().split(b"\n")
    # What stands behind the last newline was cut off while it was written.
    last = next((line for line in reversed(lines[:-1]) if line.strip()), None)
    found = None if last is None else json.loads(last)
    return None if found is None else {"origin": found["origin"], "size": int(found["size"]), "note": found["note"]}


def _bucket(connection: Connection, address: str, origin: str | None) -> Finding:
    name = "checkpoint bucket"
    row = connection.execute(_BEFORE.encode()).fetchone()
    before = int(row[0]) if row else 0
    try:
        newest = Bucket(address).newest(origin or "", max(before - 1, 0))
    except MissingExtraError as error:
        return name, None, str(error), ""
    except ConfigurationError as error:
        return name, False, str(error), f"Correct {BUCKET}."
    except OSError as error:
        return (
            name,
            None,
            f"{address} can't be listed: {error}",
            "Whoever only adds need not list; let doctor have the right s3:ListBucket.",
        )
    return _compared(connection, name, address, newest or 0, None)


def _compared(connection: Connection, name: str, where: str, size: int, note: str | None) -> Finding:
    """What is outside with what is stored: newer there is a database that went back, older here is a checkpoint that stayed."""
    newest, age, stored = connection.execute(_OUTSIDE, {"size": size}).fetchall()[0]
    if size > (newest or 0):
        found = f"the newest checkpoint in {where} covers {size:,} leaves, and those in the database {newest or 0:,}"
        return name, False, found, _VERIFY
    if note is not None and stored is not None and _text(stored) != _text(note):
        return (
            name,
            False,
            f"the checkpoint of {size:,} leaves in {where} is another than the one in the database",
            _VERIFY,
        )
    if age is not None and age > _STAYED:
        held = f"only {size:,} leaves" if size else "nothing"
        found = f"checkpoints have not got out for {_ago(age)}: {where} covers {held} of {newest:,}"
        return name, False, found, "The sealer's log says why a checkpoint did not get out; is it given the same place?"
    return name, True, f"{size:,} of {newest or 0:,} leaves are covered outside", ""


def _text(note: str) -> str:
    """What is signed: a witness may have signed the one in the database since."""
    return note.rpartition("\n\n")[0]


def _ago(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for most, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "hours")):
        if seconds < most:
            return f"{seconds // unit} {name}"
    return f"{seconds // 86_400} days"
