"""Tokens of pending activities: what `complete` must know, as text that may travel in a queue or a URL."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from prelude_otel.event import ActivityEvent

__all__ = ["Pending", "read_token", "token_of"]


@dataclass(frozen=True, slots=True)
class Pending:
    """What a token says of the activity that it names."""

    event_id: str
    key: str
    start_ns: int
    entity_id: str | None
    user_email: str | None
    session_id: str | None


def token_of(event: ActivityEvent) -> str:
    """The token of an activity that is still running."""
    request = event.request
    user = (event.user_email, event.session_id) if request is None else (request.user_email, request.session_id)
    parts = [event.uid, event.kind.key, event.start_ns, event.entity_id, *user]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode("ascii").rstrip("=")


def read_token(token: str) -> Pending:
    """What `token` names.

    Raises:
        ConfigurationError: it is not a token of `pending()`.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        event_id, key, start_ns, entity_id, email, session_id = json.loads(base64.urlsafe_b64decode(padded))
        return Pending(str(event_id), str(key), int(start_ns), entity_id, email, session_id)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("this is no token of current_activity().pending(); pass it on unchanged") from error
