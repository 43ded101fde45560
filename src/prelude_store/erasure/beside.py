"""What is kept of the person beside the log: profile, credentials, and records in quarantine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prelude_store.dossier.entries import naming_entries
from prelude_store.mentions.content import ERASED
from prelude_store.quarantine.keep import entry_hash
from prelude_store.row import Quarantined

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run
    from prelude_store.quarantine.reader import Reader

__all__ = ["settle_credentials", "settle_profiles", "settle_quarantine"]

_PROFILES: Final = """
SELECT email, name, role FROM public.user_profiles
WHERE lower(concat_ws(E'\\n', email, name, role) COLLATE "C") LIKE ANY (%s) FOR UPDATE
"""
_TOKENS: Final = """
SELECT id, role, user_email, name FROM public.analytics_tokens
WHERE lower(concat_ws(E'\\n', user_email, name) COLLATE "C") LIKE ANY (%s) FOR UPDATE
"""
_REVOKE: Final = """
UPDATE public.analytics_tokens SET user_email = %s, name = %s, revoked_at = coalesce(revoked_at, now()) WHERE id = %s
"""
# Without its bytes an entry is no record any more; a hash of them would let somebody test a guess.
_WIPE: Final = """
UPDATE public.activity_quarantine SET detail = %s, payload = '', payload_hash = %s, replayed_at = coalesce(replayed_at, now()) WHERE id = %s
"""
_REWRITE: Final = """
UPDATE public.activity_quarantine AS entry SET detail = %(detail)s, payload = %(payload)s,
    payload_hash = CASE WHEN EXISTS (
        SELECT FROM public.activity_quarantine AS other WHERE other.payload_hash = %(hash)s AND other.id <> entry.id
    ) THEN %(other)s ELSE %(hash)s END
WHERE id = %(id)s
"""


def settle_profiles(connection: Connection, aim: Aim, run: Run) -> None:
    """The person's profile goes, or gets the new address, unless that has one; within an open transaction."""
    for email, name, role in connection.execute(_PROFILES, [aim.address.patterns]).fetchall():
        texts = [text and aim.text(text) for text in (name, role)]
        if not aim.address.mentioned(email):
            if texts != [name, role]:
                connection.execute(
                    "UPDATE public.user_profiles SET name = %s, role = %s WHERE email = %s", [*texts, email]
                )
            continue
        run.counts["profiles"] += 1
        new = aim.user(email)
        taken = connection.execute("SELECT 1 FROM public.user_profiles WHERE email = %s", [new]).fetchone()
        if new is None or taken:
            connection.execute("DELETE FROM public.user_profiles WHERE email = %s", [email])
        else:
            connection.execute(
                "UPDATE public.user_profiles SET email = %s, name = %s, role = %s WHERE email = %s",
                [new, *texts, email],
            )


def settle_credentials(connection: Connection, aim: Aim, run: Run) -> None:
    """The person's tokens are taken back and say nobody's name, or the new one; within an open transaction."""
    for number, role, user, name in connection.execute(_TOKENS, [aim.address.patterns]).fetchall():
        own = user is not None and aim.address.mentioned(user)
        called = name and aim.text(name)
        if not own and called == name:
            continue
        run.counts["tokens"] += 1
        if own and aim.new is None:
            connection.execute("DELETE FROM public.analytics_sessions WHERE token_id = %s", [number])
            # The role `self` is of somebody; nobody's address looks like this.
            connection.execute(_REVOKE, [ERASED if role == "self" else None, called, number])
        else:
            new = aim.user(user) if own else user
            connection.execute(
                "UPDATE public.analytics_tokens SET user_email = %s, name = %s WHERE id = %s", [new, called, number]
            )


def settle_quarantine(connection: Connection, aim: Aim, run: Run, reader: Reader) -> None:
    """Records that name the person lose their bytes, or get the new address; an entry and its reason stay."""
    if aim.new is not None and not aim.address.within_texts:
        return  # of the texts of a record nobody knows here which mean the person; what is left is told
    for entry in naming_entries(connection, aim.address, reader):
        detail = aim.text(entry.detail)
        with connection.transaction():
            if aim.new is None:
                connection.execute(_WIPE, [ERASED, os.urandom(16), entry.id])
            else:
                payload = reader.rewritten(entry.signal, bytes(entry.payload), aim.text)
                same = entry_hash(Quarantined(entry.signal, entry.reason, detail, payload))
                connection.execute(
                    _REWRITE,
                    {"detail": detail, "payload": payload, "hash": same, "other": os.urandom(16), "id": entry.id},
                )
            run.counts["quarantine"] += 1
            run.save(connection)
