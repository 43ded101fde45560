"""Why a socket is closed.

::

    PreludeError
    └── RefusedError    the client is told why in a last frame, and the socket closes with a code
"""

from __future__ import annotations

from typing import Final

from prelude_otel.errors import PreludeError

__all__ = [
    "AGAIN",
    "AHEAD",
    "DENIED",
    "FAULT",
    "RESTART",
    "SILENCE",
    "TOO_OLD",
    "RefusedError",
    "ahead",
    "away",
    "too_old",
]

SILENCE: Final = 1003
"""The client said something."""
FAULT: Final = 1011
RESTART: Final = 1012
AGAIN: Final = 1013
"""Too slow, or the database is away: come back with the cursor."""
DENIED: Final = 4401
"""The credential was revoked, or has expired."""
AHEAD: Final = 4409
TOO_OLD: Final = 4410


class RefusedError(PreludeError):
    """The feed can't go on for this client.

    Args:
        reason: as metrics name it.
        code: with which the socket closes.
        status: what HTTP would answer.
        title: short, also the reason of the close frame.
        detail: with what to do.
    """

    def __init__(self, reason: str, code: int, status: int, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail}")
        self.reason = reason
        self.code = code
        self.status = status
        self.title = title
        self.detail = detail


def too_old(behind: int, most: int) -> RefusedError:
    """A cursor so far behind is not resumed."""
    return RefusedError(
        "cursor_too_old",
        TOO_OLD,
        410,
        "cursor is too old",
        f"{behind:,} rows and amendments were committed since this cursor, and at most {most:,} are resumed. Connect without a cursor,"
        " and read what lies between from /api/analytics/export.ndjson or /api/analytics/recent-activities",
    )


def ahead() -> RefusedError:
    """A cursor of another database, or of one that has since been restored."""
    return RefusedError(
        "cursor_ahead",
        AHEAD,
        409,
        "cursor is ahead of the log",
        "the log has not come to this cursor: it was given for another database, or for this one before it was restored. Connect without a"
        " cursor",
    )


def away() -> RefusedError:
    """The database does not answer."""
    return RefusedError(
        "database_away", AGAIN, 503, "database is away", "connect again in a moment, with the same cursor"
    )
