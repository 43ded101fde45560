"""Tokens of pending activities: what `complete` must know, as text that may travel in a queue.

Signed with the session key, so that an edited one is refused; it holds the user's address, and is not for clients.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import astuple, dataclass
from typing import Final

from prelude_otel.errors import ConfigurationError

__all__ = ["Pending", "read_token", "token_of"]


_SIGNATURE_SIZE: Final = 16
_NOT_OURS: Final = "this is no token of current_activity().pending(): pass it on unchanged, and use the same PRELUDE_SESSION_KEY in all processes"


@dataclass(frozen=True, slots=True)
class Pending:
    """What a token says of the activity that it names."""

    event_id: str
    key: str
    start_ns: int
    entity_id: str | None
    user_email: str | None
    session_id: str | None
    page: dict[str, str]


def token_of(pending: Pending, key: bytes) -> str:
    """The token that says this; `key` signs it."""
    body = json.dumps(astuple(pending), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_signature(body, key) + body).decode("ascii").rstrip("=")


def read_token(token: str, key: bytes) -> Pending:
    """What `token` names, where it was signed with `key`.

    Raises:
        ConfigurationError: it is not a token of `pending()`, or was made with another session key.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        content = base64.urlsafe_b64decode(padded)
        signature, body = content[:_SIGNATURE_SIZE], content[_SIGNATURE_SIZE:]
        if not hmac.compare_digest(signature, _signature(body, key)):
            raise ConfigurationError(_NOT_OURS)
        event_id, name, start_ns, entity_id, email, session_id, page = json.loads(body)
        return Pending(str(event_id), str(name), int(start_ns), entity_id, email, session_id, dict(page))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(_NOT_OURS) from error


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"prelude token" + body, "sha256")[:_SIGNATURE_SIZE]
