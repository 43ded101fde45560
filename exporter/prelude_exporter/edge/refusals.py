"""Requests that are refused for what they are, said in the log with their sender; `prelude_store.logs` says each kind once a minute."""

from __future__ import annotations

import logging

__all__ = ["say_refusal"]

_log = logging.getLogger(__name__)


def say_refusal(protocol: str, outcome: str, address: str, why: str) -> None:
    """Log that a request was answered with `outcome`; what comes again by itself is nobody's fault, and not said."""
    if outcome not in ("ok", "unavailable"):
        # The outcome is in the wording, so that one kind does not hide another.
        _log.warning(f"a request by %s from %s was answered {outcome}: %s", protocol, address or "somebody", why)
