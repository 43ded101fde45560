"""From one key to the next: an act of the log that both have signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prelude_otel.errors import ConfigurationError
from prelude_store import lanes
from prelude_store.governance.acts import record_act
from prelude_store.seals.notes import VerifierKey
from prelude_store.seals.trust import handing_over

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.seals.keys import SigningKey

__all__ = ["rotate"]


def rotate(connection: Connection, old: SigningKey, new: SigningKey, reason: str | None = None) -> int:
    """Record that `new` follows `old`; gives the id of the act. A sealer that has `new` may sign from then on.

    Args:
        connection: of a member of ``prelude_governor``.

    Raises:
        ConfigurationError: `old` is not the present key of this log, or `new` is of another log, or was used before.
    """
    row = connection.execute("SELECT vkey, session_user FROM public.seal_keys ORDER BY id DESC LIMIT 1").fetchone()
    if row is None or VerifierKey.parse(row[0]) != old.verifier:
        present = VerifierKey.parse(row[0]).id.hex() if row else "none"
        raise ConfigurationError(
            f"the key {old.verifier.id.hex()} is not the present one of this log, which is {present}"
        )
    if connection.execute("SELECT 1 FROM public.seal_keys WHERE vkey = %s", [str(new.verifier)]).fetchone():
        raise ConfigurationError(
            f"the key {new.verifier.id.hex()} has signed this log before; make a new one to follow"
        )
    if new.name != old.name:
        raise ConfigurationError(
            f"the new key is of the log {new.name!r}; make one with: prelude store seal key generate --name {old.name}"
        )
    lane = lanes.claim(connection)
    with connection.transaction():
        return record_act(connection, lane, "key", row[1], handing_over(old, new), reason)
