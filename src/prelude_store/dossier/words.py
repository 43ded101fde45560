"""What the fields of a dossier mean, in words for the person whose it is."""

from __future__ import annotations

from typing import Final

__all__ = ["FIELDS", "NOT_HERE", "PURPOSES", "PURPOSES_UNSAID"]

PURPOSES: Final = "PRELUDE_PURPOSES"
"""Environment variable: what the data are kept for, and by what right, as the controller says it."""

PURPOSES_UNSAID: Final = (
    "A record of what users do in the services, kept to keep the services safe, to answer questions about changes, and to improve them."
    " Whoever gave you this file can tell you more, and on which legal basis."
)

FIELDS: Final[dict[str, str]] = {
    "event_id": "number of the activity; no other has it",
    "timestamp": "when it began (UTC)",
    "user_email": "who did it",
    "session_id": "the visit that it belongs to; from a cookie it is stored as a keyed hash",
    "action_type": "the kind of action",
    "action_name": "the action",
    "action_category": "a finer kind",
    "entity_type": "what kind of thing it was about",
    "entity_id": "which one of them",
    "page_url": "the page where it happened",
    "page_route": "the same without numbers",
    "service_name": "the program that recorded it",
    "user_agent": "the browser or program that you used, as it calls itself",
    "ip_address": "the network address that you came from",
    "action_data": "details of the action, as the service declared them",
    "result_status": "how it ended: success, error, pending or timeout",
    "result_data": "details of the result",
    "duration_ms": "how long it took, in thousandths of a second",
    "tags": "marks that the service gave it",
    "completes_event_id": "the pending activity that this one ended",
    "personal_paths": "which details the service marked as personal",
    "trace_id, span_id": "numbers that join the records of one request",
    "created_at": "when it was stored",
    "started_at, ended_at": "first and last activity of a session",
    "activity_count, success_count, …": "how many activities a session has, in all and by how they ended",
    "first_page, last_page": "where a session began and ended",
    "derived": "true where the session was told from times alone (no gap of 30 minutes)",
    "day": "the day (UTC) that a count is of",
    "success, error, pending, timeout, count": "how many, by how they ended",
    "first_at, last_at": "the first and the last of them",
    "customer_id": "a customer that you looked at",
    "method": "how an email was sent",
    "received_at, signal, reason, detail, record": "a record that could not be stored as an activity: when it came, how, why not, and what it says",
    "kind, state, due_at": "of a request of yours: what it asks for, how far it is, and when you are to be answered",
    "months_more, extension_reason": "by how much that day was put off, and why",
    "note": "what was written beside your request",
    "revoked_at, last_used_at, expires_at": "of a credential: taken back, last used, and when it ends by itself",
}

NOT_HERE: Final = (
    (
        "Records on their way: what a service has not sent yet (its spool), or a Collector not delivered (its queue), becomes an"
        " activity within seconds, where something is out of order within days. Ask again later for what is newest."
    ),
    "Backups: they hold what the database held when they were made.",
    "Seals: hashes that prove that nobody altered the log. Nothing can be read from them.",
)
"""What this file can't hold, and why."""
