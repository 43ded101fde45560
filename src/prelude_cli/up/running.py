"""Where the parts of a running `prelude up` are, for the commands that are called beside it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from prelude_cli.up.settings import Settings

__all__ = ["addresses_in", "announced"]

_FILE: Final = "running.json"


@contextlib.contextmanager
def announced(settings: Settings, database: Mapping[str, str], sealing: Mapping[str, str]) -> Iterator[None]:
    """Keep the addresses in a file of the data folder, which only its owner may read, while the context is open."""
    addresses = {
        "endpoint": settings.endpoint,
        "analytics": settings.at("analytics"),
        "exporter_http": settings.at("exporter_http"),
        "collector_health": settings.at("collector_health") if settings.collector else "",
        "collector_metrics": f"{settings.at('collector_metrics')}/metrics" if settings.collector else "",
        "collector_storage": str(settings.data / "collector-queue") if settings.collector else "",
        "database_url": database.get("PRELUDE_DATABASE_URL", ""),
        "seal_key_file": sealing.get("PRELUDE_SEAL_KEY_FILE", ""),
        "seal_checkpoint_file": sealing.get("PRELUDE_SEAL_CHECKPOINT_FILE", ""),
    }
    path = settings.data / _FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(addresses, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def addresses_in(data: Path) -> dict[str, str]:
    """The addresses that a `prelude up` on the folder `data` keeps there; empty when none runs."""
    try:
        found = json.loads((data / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
