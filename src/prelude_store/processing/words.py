"""What the record says of its own accord."""

from __future__ import annotations

from typing import Final

__all__ = ["COLUMNS", "KINDS", "SUBJECTS", "UNSAID"]

UNSAID: Final = "not stated"

KINDS: Final[dict[str, str]] = {
    "authentication": "sign-ins, sign-outs and refused attempts: the security of the services",
    "navigation": "pages that were opened: support and improvement of the services",
    "chat": "questions to an assistant and its answers: support, and checking what an assistant did",
    "crm": "views and changes of customers, deals and emails: who changed what, for whoever answers for it",
    "lead_generation": "searches for possible customers: who used such data, and what for",
    "analytics": "views of reports and of this log, and sign-ins to it: control of who looks at people's data",
    "task_management": "changes of tasks: who did what when",
    "calendar": "changes and synchronisation of appointments: who did what when",
    "settings": "changes of settings: who changed what, for whoever answers for it",
    "upload": "files that were brought in: who did it and whence",
    "export": "data that were taken out: control of who takes people's data away",
}
"""What each action type records, and what that usually serves: a proposal, for the controller to change."""

COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("user_email", "person", "who acted"),
    ("session_id", "person", "the visit; from a cookie as a keyed hash"),
    ("user_agent", "device", "browser or program, as it calls itself"),
    ("ip_address", "device", "network address"),
    ("page_url", "content", "page; may hold numbers or names"),
    ("entity_id", "content", "the customer, deal or other thing that was acted on"),
    ("action_data", "content", "details that the catalogue declares for the activity"),
    ("result_data", "content", "details of the result or error"),
    ("tags", "content", "marks that the service gave"),
    (
        "timestamp, duration_ms, action_type, action_name, result_status, service_name, …",
        "none",
        "what was done, when and how it ended; of a person only together with user_email",
    ),
)
"""Columns of the log, the class by which they can go, and what they hold."""

SUBJECTS: Final = (
    "Users of the services (mostly staff, where the services are internal): what they do.",
    "People whom they act on (customers, recipients of emails, leads): where a detail of an activity names them.",
    "Readers of this log: which answers they asked for, by which filters.",
)
