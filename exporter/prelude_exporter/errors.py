"""Why a request is refused, and whether its sender keeps it.

PreludeError
├── MalformedRequestError   refused for good
├── TooLargeError           refused for good, with a note in the quarantine
└── NotNowError             refused for now: the sender keeps it
"""

from __future__ import annotations

from prelude_otel.errors import PreludeError

__all__ = ["MalformedRequestError", "NotNowError", "TooLargeError"]


class MalformedRequestError(PreludeError):
    """The bytes are no OTLP request; sending them again will not help."""


class TooLargeError(PreludeError):
    """The request is above a limit, and always will be."""


class NotNowError(PreludeError):
    """The request was not committed; the sender keeps it and sends it again."""
