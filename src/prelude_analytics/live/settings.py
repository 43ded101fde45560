"""Limits of the live feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from prelude_analytics.live.ring import RING_BYTES, RING_ENTRIES
from prelude_analytics.live.subscriber import QUEUE_BYTES

__all__ = ["LiveSettings"]


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Limits; the defaults are meant for a process with thousands of sockets.

    Attributes:
        poll: seconds between two looks at the lanes.
        heartbeat: seconds of silence after which a client gets a heartbeat.
        send_timeout: seconds that one frame may wait for a client to read, before the socket is closed.
        queue_bytes: what may wait for one client.
        ring_entries: rows and amendments that are kept for those who come back.
        ring_bytes: and their size.
        behind: numbers of the lanes that a cursor may be behind, to be resumed.
        sockets: that may be open at once.
        sockets_of_token: of them, of one token; 0 is no limit of its own.
        patience: seconds that a client waits for the database, or for this process to come to a cursor that another one gave.
        pending_timeout: a pending row older than this reads as timeout.
        rest: seconds without any client after which the lanes are no longer read.
    """

    poll: float = 0.1
    heartbeat: float = 15.0
    send_timeout: float = 30.0
    queue_bytes: int = QUEUE_BYTES
    ring_entries: int = RING_ENTRIES
    ring_bytes: int = RING_BYTES
    behind: int = 100_000
    sockets: int = 10_000
    sockets_of_token: int = 100
    patience: float = 5.0
    rest: float = 30.0
    pending_timeout: timedelta = timedelta(hours=24)
