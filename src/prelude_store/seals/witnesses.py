"""Signatures of witnesses under our checkpoints (C2SP tlog-cosignature)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prelude_otel.errors import StoreError
from prelude_store.seals.keys import check_signature
from prelude_store.seals.notes import COSIGNATURE, Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection
    from prelude_store.seals.notes import VerifierKey

__all__ = ["accept"]


def accept(connection: Connection, given: Checkpoint, witnesses: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Add the signatures of `witnesses` that are under `given` to the stored checkpoint; gives whose they are.

    Args:
        connection: of a member of ``prelude_sealer``.
        given: a checkpoint of ours, with further signatures.

    Raises:
        StoreError: it is none of ours, or no witness has signed it.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT note FROM public.seal_checkpoints WHERE size = %s FOR UPDATE", [given.size]
        ).fetchone()
        stored = Checkpoint.parse(row[0]) if row else None
        if stored is None or stored.text != given.text:
            raise StoreError(
                f"the checkpoint of {given.size:,} leaves of {given.origin!r} is none that this log has signed, or one that was thinned out"
            )
        signed = {
            witness: signature
            for witness in witnesses
            for signature in given.signatures
            if witness.kind == COSIGNATURE and check_signature(witness, signature, given.text)
        }
        if not signed:
            names = ", ".join(witness.name for witness in witnesses)
            raise StoreError(
                f"no witness has signed this checkpoint (asked for: {names}); is it the note that came back?"
            )
        note = stored.signed_by(*signed.values()).note
        connection.execute("UPDATE public.seal_checkpoints SET note = %s WHERE size = %s", [note, given.size])
    return list(signed)
