"""The closed vocabularies of the contract: eleven action types, four result statuses (the reference, "Activity Types Reference")."""

from __future__ import annotations

from typing import Final

ACTION_TYPES: Final = frozenset(
    {
        "authentication",
        "navigation",
        "chat",
        "crm",
        "lead_generation",
        "analytics",
        "task_management",
        "calendar",
        "settings",
        "upload",
        "export",
    }
)

SUCCESS: Final = "success"
ERROR: Final = "error"
PENDING: Final = "pending"
TIMEOUT: Final = "timeout"
STATUSES: Final = frozenset({SUCCESS, ERROR, PENDING, TIMEOUT})
