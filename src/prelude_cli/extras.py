"""Which extra a command or check lacks."""

from __future__ import annotations

from typing import Final

from prelude_otel.errors import MissingExtraError, PreludeError

__all__ = ["missing_extra"]

_OWN: Final = ("prelude_",)
_EXTRA_OF: Final = {
    "exporter": "exporter",
    "store": "exporter",
    "analytics": "analytics",
    "token": "analytics",
    "demo": "analytics",
}


def missing_extra(room: str, error: ModuleNotFoundError) -> PreludeError:
    """What to tell a person when `room` can't be imported.

    Raises:
        ModuleNotFoundError: as given, when one of our own modules is missing: that is a fault of the package, not a missing extra.
    """
    missing = (error.name or "").partition(".")[0]
    if not missing or missing.startswith(_OWN):
        raise error
    return MissingExtraError(f"prelude {room}", _EXTRA_OF.get(room, "all"), missing)
