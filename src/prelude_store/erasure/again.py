"""Erasures are done again after a backup was restored: by the keyed hashes of their receipts the people are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from prelude_otel.errors import StoreError
from prelude_store.erasure.receipts import Receipt, fingerprint
from prelude_store.governance.people import person_hash, person_key
from prelude_store.mentions.anybody import MARKS, addresses
from prelude_store.mentions.search import TEXTS, days_of_log, said_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prelude_store.connection import Connection

__all__ = ["people_of"]

# One look into the index for each user, however many rows there are.
_USERS: Final = """
WITH RECURSIVE users (user_email) AS (
    SELECT min(user_email) FROM public.user_activity_logs
    UNION ALL
    SELECT (SELECT min(log.user_email) FROM public.user_activity_logs AS log WHERE log.user_email > users.user_email)
    FROM users WHERE users.user_email IS NOT NULL
)
SELECT user_email FROM users WHERE user_email IS NOT NULL
UNION SELECT email FROM public.user_profiles UNION SELECT lower(user_email) FROM public.analytics_tokens WHERE user_email IS NOT NULL
UNION SELECT user_email FROM public.user_rollups UNION SELECT user_email FROM public.user_session_summaries
"""
_WORDS: Final = f"""
SELECT DISTINCT found[1] FROM public.user_activity_logs AS log {said_in("log", TEXTS)}
CROSS JOIN LATERAL regexp_matches(said.words, '[^\\s"<>(){{}}\\[\\],;:\\\\|/?=&]+(?:@|%%40|%%2540)[^\\s"<>(){{}}\\[\\],;:\\\\|/?=&]+', 'g') AS found
WHERE log."timestamp" >= %s AND log."timestamp" < %s AND ({" OR ".join("strpos(said.words, %s) > 0" for _ in MARKS)})
"""  # noqa: S608 (constants)


def people_of(
    connection: Connection,
    receipts: Sequence[Receipt],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> dict[bytes, str]:
    """Addresses of those people of `receipts` who are in the database, by keyed hash.

    Raises:
        StoreError: a receipt is of another database.
    """
    key = person_key(connection)
    for receipt in receipts:
        if receipt.key != fingerprint(key):
            raise StoreError(
                f"the receipt of {receipt.person.hex()[:12]}… belongs to a database with the key {receipt.key}; this one has"
                f" {fingerprint(key)}"
            )
    search = _Search(key, frozenset(receipt.person for receipt in receipts))
    for (user,) in connection.execute(_USERS):
        search.look(user)
    days = days_of_log(connection)
    for done, day in enumerate(days, 1):
        for (words,) in connection.execute(_WORDS.encode(), [day, day + timedelta(days=1), *MARKS]).fetchall():
            search.read(words)
        progress(done, len(days))
    for (payload,) in connection.execute("SELECT payload FROM public.activity_quarantine WHERE payload <> ''"):
        for email in addresses(bytes(payload).decode("utf-8", "replace")):
            # In a binary message the length of a text stands before it, and the tag of the next field behind.
            for one in (email, email[1:], email[:-1], email[1:-1]):
                search.look(one)
    return search.found


@dataclass(slots=True)
class _Search:
    """Who of those that are wanted stands in texts."""

    key: bytes
    wanted: frozenset[bytes]
    found: dict[bytes, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def read(self, text: str) -> None:
        for email in addresses(text):
            self.look(email)

    def look(self, email: str) -> None:
        if not email.strip() or email in self._seen:
            return
        self._seen.add(email)
        digest = person_hash(self.key, email)
        if digest in self.wanted:
            self.found[digest] = email
