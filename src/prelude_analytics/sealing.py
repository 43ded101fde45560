"""The sealer as a thread of this process, where it has a key; and what its metrics tell."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from prelude_store.seals.keys import SigningKey
from prelude_store.seals.outside import Outlet
from prelude_store.seals.sealer import Sealer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from prelude_analytics.settings import Settings

__all__ = ["sealed"]

_END_WITHIN = 10.0


@asynccontextmanager
async def sealed(conninfo: str, settings: Settings, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Inside, what is committed is sealed; several processes may do so, one of them works."""
    if settings.seal_key_file is None:
        yield
        return
    outlet = Outlet(settings.seal_checkpoint_file, settings.seal_webhook, settings.seal_bucket)
    sealer = Sealer(conninfo, SigningKey.read(settings.seal_key_file), tell=outlet.tell)
    _measure(sealer, outlet, registry)
    stop = threading.Event()
    threads = [
        threading.Thread(target=run, args=(stop,), name=name, daemon=True)
        for name, run in (("prelude-sealer", sealer.run), ("prelude-checkpoints", outlet.run))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(threads[0].join, _END_WITHIN)
        outlet.end()
        await asyncio.to_thread(threads[1].join, _END_WITHIN)


def _measure(sealer: Sealer, outlet: Outlet, registry: CollectorRegistry) -> None:
    def age(since: float | None) -> float:
        return 0.0 if since is None else time.monotonic() - since

    for name, what, value in (
        ("sealing", "1 where this process seals, 0 where it stands by", lambda: float(sealer.leading)),
        ("leaves", "Leaves of the tree of seals", lambda: float(sealer.last.size)),
        ("waiting", "Places that are committed, and not sealed yet", lambda: float(sealer.last.left)),
        ("lag_seconds", "Since when something is committed and not sealed", lambda: age(sealer.lag.since)),
        ("unsigned_seconds", "Since when leaves wait for a checkpoint that covers them", lambda: age(sealer.unsigned_since)),
        ("pass_seconds", "That the last pass took", lambda: sealer.last_seconds),
        ("checkpoints", "Checkpoints that this process has signed", lambda: float(sealer.checkpoints)),
        ("sent", "Checkpoints that this process has sent out", lambda: float(outlet.sent)),
        ("undelivered_seconds", "Since when the newest checkpoint has not got out by each way", lambda: age(outlet.owed_since)),
        ("failures", "Passes that failed, and checkpoints that did not get out", lambda: float(sealer.failures + outlet.failures)),
    ):  # fmt: skip
        Gauge(f"prelude_seal_{name}", what, registry=registry).set_function(value)
