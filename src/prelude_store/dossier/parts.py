"""What a dossier is made of: for each table the question that finds a person's part of it."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ACTIVITY_COLUMNS", "EMAIL", "KEY", "PARTS", "Part"]

EMAIL: Final = "prelude.dossier_email"
KEY: Final = "prelude.dossier_key"
_EMAIL: Final = f"current_setting('{EMAIL}')"
_KEY: Final = f"current_setting('{KEY}')"

ACTIVITY_COLUMNS: Final = (
    "event_id", "timestamp", "user_email", "session_id", "action_type", "action_name", "action_category", "entity_type",
    "entity_id", "page_url", "page_route", "service_name", "user_agent", "ip_address", "action_data", "result_status",
    "result_data", "duration_ms", "tags", "completes_event_id", "personal_paths", "trace_id", "span_id", "created_at",
)  # fmt: skip
"""Columns of the log that say something; the others number and check rows."""

_ACTIVITIES: Final = ", ".join(f'"{column}"' for column in ACTIVITY_COLUMNS)


class Part(NamedTuple):
    """One table of a dossier, written as NDJSON and as CSV.

    Args:
        name: of its files, without what follows the dot.
        title: for a person.
        question: the rows. Who is asked about stands in settings of the session, `EMAIL` and `KEY` (the address as rollups have it), so
            that no statement that a server may log holds the address.
    """

    name: str
    title: str
    question: str


PARTS: Final = (
    Part(
        "activities",
        "What you did",
        f'SELECT {_ACTIVITIES} FROM public.user_activity_logs WHERE user_email = {_EMAIL} ORDER BY "timestamp", event_id',
    ),
    Part(
        "sessions",
        "Your sessions",
        "SELECT session_id, started_at, ended_at, duration_ms, activity_count, success_count, error_count, pending_count,"
        f" timeout_count, first_page, last_page, derived FROM public.user_session_summaries WHERE user_email = {_KEY} ORDER BY started_at",
    ),
    Part(
        "profile",
        "Your profile",
        f"SELECT email, name, role, created_at, updated_at FROM public.user_profiles WHERE email = {_EMAIL}",
    ),
    Part(
        "daily_counts",
        "How much you did each day",
        "SELECT bucket AS day, action_type, success, error, pending, timeout, first_at, last_at FROM public.user_rollups"
        f" WHERE grain = 1440 AND user_email = {_KEY} ORDER BY bucket, action_type",
    ),
    Part(
        "daily_emails",
        "Emails that you made or sent, each day",
        "SELECT bucket AS day, action_name, method, result_status, count FROM public.email_rollups"
        f" WHERE grain = 1440 AND user_email = {_KEY} ORDER BY bucket, action_name, method, result_status",
    ),
    Part(
        "daily_customers",
        "Customers and deals that you looked at, each day",
        "SELECT bucket AS day, customer_id, action_name FROM public.customer_rollups"
        f" WHERE grain = 1440 AND user_emails @> ARRAY[{_KEY}]::text[] ORDER BY bucket, customer_id, action_name",
    ),
    Part(
        "credentials",
        "Your credentials for the analytics service",
        "SELECT id, role, user_email, name, created_at, expires_at, revoked_at, last_used_at FROM public.analytics_tokens"
        f" WHERE lower(user_email) = {_EMAIL} ORDER BY created_at",
    ),
    Part(
        "signed_in",
        "Where you are signed in to the analytics service",
        "SELECT sessions.created_at, sessions.expires_at, token_id FROM public.analytics_sessions AS sessions"
        f" JOIN public.analytics_tokens AS tokens ON tokens.id = token_id WHERE lower(tokens.user_email) = {_EMAIL} ORDER BY 1",
    ),
    Part(
        "requests",
        "What you have asked for, and is not done yet",
        "SELECT kind, state, received_at, due_at, extended_by AS months_more, extension_reason, note FROM public.governance_requests"
        f" WHERE email = {_EMAIL} ORDER BY received_at",
    ),
)
