"""What the environment may change."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Settings:
    """Settings of the service.

    Args:
        database: file of the SQLite database; empty: a private one that ends with the process (``CRM_DATABASE``).
        agent_seconds: how long the agent thinks about a text, in seconds (``CRM_AGENT_SECONDS``).
        mail_timeout: how long a mail provider may take, in seconds (``CRM_MAIL_TIMEOUT``).
    """

    database: str = ""
    agent_seconds: float = 0.4
    mail_timeout: float = 1.5

    @classmethod
    def from_environment(cls) -> Self:
        """The settings as the environment has them now."""
        return cls(
            database=os.environ.get("CRM_DATABASE", cls.database),
            agent_seconds=float(os.environ.get("CRM_AGENT_SECONDS", cls.agent_seconds)),
            mail_timeout=float(os.environ.get("CRM_MAIL_TIMEOUT", cls.mail_timeout)),
        )
