"""What a writer asks before it writes: whose rows must not come again. Costs nothing while nobody was erased.

The table holds keyed hashes. So every address that stands in a row is hashed, once, and looked up.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from prelude_store.batch import Batch
from prelude_store.mentions.address import Address, AddressError
from prelude_store.mentions.anybody import MARKS, addresses
from prelude_store.mentions.content import ERASED, Content, changed

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.row import ActivityRow, Payload, Quarantined

__all__ = ["NOBODY", "Erasures", "Sifted", "load"]

_LOAD: Final = """
SELECT person, (extract(epoch FROM until) * 1000000)::bigint, version FROM public.erasures
"""
_KEY: Final = "SELECT key FROM public.governance_keys WHERE name = 'person'"
_REMEMBERED: Final = 200_000
"""Addresses of which it is known whether they were erased."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is left of a batch.

    Args:
        batch: to be written.
        dropped: rows that are not, since their person was erased.
        entries: records for the quarantine that are not, since they name such a person.
    """

    batch: Batch
    dropped: int = 0
    entries: int = 0


@dataclass(slots=True)
class Erasures:
    """All erasures of a database, as of one moment.

    Args:
        version: of the newest; a writer whose database has another one loads them again.
        until: up to when, in microseconds since 1970, by keyed hash.
        key: for those hashes.
    """

    version: int = 0
    until: dict[bytes, int] = field(default_factory=dict)
    key: bytes = b""
    _known: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.until)

    def erased_until(self, email: str) -> int:
        """Up to when what this person did is erased, in microseconds since 1970; less than any time where it is not."""
        known = self._known.get(email)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            digest = hmac.new(self.key, email.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
            known = self._known[email] = self.until.get(digest, -(2**63))
        return known

    def sift(self, batch: Batch) -> Sifted:
        """`batch` without what erased people did, and without their names in what others did."""
        rows: list[ActivityRow] = []
        payloads: list[Payload | None] | None = None if batch.payloads is None else []
        for place, row in enumerate(batch.rows):
            left = self._left_of(row)
            if left is None:
                continue
            rows.append(left)
            if payloads is not None and batch.payloads is not None:
                payloads.append(batch.payloads[place] if left is row else None)
        entries = [entry for entry in batch.quarantined if not self._names(entry)]
        if (
            len(rows) == len(batch.rows)
            and all(map(_same, rows, batch.rows))
            and len(entries) == len(batch.quarantined)
        ):
            return Sifted(batch)
        sifted = Batch(rows, batch.spans, entries, batch.probes, payloads)
        return Sifted(sifted, len(batch.rows) - len(rows), len(batch.quarantined) - len(entries))

    def _left_of(self, row: ActivityRow) -> ActivityRow | None:
        """`row` as it may be written; None where it may not."""
        at = row.timestamp_us
        user = row.user_email
        if user is not None and (
            self.erased_until(user) >= at
            or any(self.erased_until(email) >= at for email in addresses(user) if email != user)
        ):
            return None
        kinds = (
            row.page_route,
            row.action_name,
            row.action_category,
            row.entity_type,
            row.service_name,
            *(row.personal_paths or ()),
        )
        if self._named(kinds, at):  # where only kinds of things are named, nothing can be left out
            return None
        tags = row.tags or ()
        named = self._named(
            (row.session_id, row.page_url, row.entity_id, row.user_agent, row.action_data, row.result_data, *tags), at
        )
        for email in named:
            row = _without(row, email)
        return row

    def _named(self, texts: Iterable[str | None], at: int) -> set[str]:
        """Who is named in `texts` and was erased up to `at` or later."""
        return {
            email
            for text in texts
            if text is not None and any(mark in text for mark in MARKS)
            for email in addresses(text)
            if self.erased_until(email) >= at
        }

    def _names(self, entry: Quarantined) -> bool:
        """Whether an entry names somebody who was erased, whenever; what it was is not known well enough to ask for its time."""
        text = entry.payload.decode("utf-8", "replace")
        if not any(mark in text for mark in MARKS):
            return False
        # In a binary message the length of a text stands before it, and the tag of the next field behind; either may be a letter.
        return any(
            self.erased_until(one) > -(2**63)
            for email in addresses(text)
            for one in (email, email[1:], email[:-1], email[1:-1])
            if "@" in one
        )


NOBODY: Final = Erasures()


def load(connection: Connection) -> Erasures:
    """All erasures that are committed now."""
    rows = connection.execute(_LOAD).fetchall()
    if not rows:
        return NOBODY
    key = connection.execute(_KEY).fetchone()
    until = {bytes(person): int(us) for person, us, _ in rows}
    return Erasures(max(int(version) for *_, version in rows), until, bytes(key[0]) if key else b"")


def _without(row: ActivityRow, email: str) -> ActivityRow:
    try:
        address = Address(email)
    except AddressError:
        return row

    def change(text: str) -> str:
        return address.replaced(text, ERASED)

    content = changed(Content(row.page_url, row.entity_id, row.action_data, row.result_data, row.tags), change)
    other = row._replace(
        page_url=content.page_url,
        entity_id=content.entity_id,
        action_data=content.action_data,
        result_data=content.result_data,
        tags=None if content.tags is None else tuple(content.tags),
        session_id=row.session_id and change(row.session_id),
        user_agent=row.user_agent and change(row.user_agent),
    )
    # As the log has it: nobody can test a guess by its hash.
    return row if other == row else other._replace(content_hash=b"")


def _same(one: object, other: object) -> bool:
    return one is other
