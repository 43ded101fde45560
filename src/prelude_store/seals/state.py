"""How far seals are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["status"]

_STATE: Final = """
SELECT origin, size, as_of,
    (SELECT coalesce(sum(last_seq - coalesce(seq, 0)), 0)::bigint FROM public.ingest_lanes LEFT JOIN public.seal_cursors USING (lane)),
    (SELECT count(*) FROM public.seal_checkpoints)
FROM public.seal_state
"""
_NEWEST: Final = "SELECT size, signed_at, note FROM public.seal_checkpoints ORDER BY size DESC LIMIT 1"
_KEYS: Final = "SELECT vkey FROM public.seal_keys ORDER BY id"


def status(connection: Connection) -> dict[str, Any]:
    """Name, size, what waits, the newest checkpoint and the keys; for members of ``prelude_reader``."""
    origin, size, as_of, behind, checkpoints = connection.execute(_STATE).fetchall()[0]
    newest = connection.execute(_NEWEST).fetchone()
    return {
        "origin": origin,
        "leaves": size,
        "as_of": as_of,
        "behind": behind,
        "checkpoints": checkpoints,
        "checkpoint_size": newest[0] if newest else None,
        "checkpoint_at": newest[1] if newest else None,
        "note": newest[2] if newest else None,
        "keys": [vkey for (vkey,) in connection.execute(_KEYS)],
    }
