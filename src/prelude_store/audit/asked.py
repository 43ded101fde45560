"""What a report is about, and who wants it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from prelude_otel.errors import ConfigurationError

__all__ = ["FORMATS", "Asked", "Subject", "subject"]

FORMATS: Final = {
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
"""Names of formats, and their media types."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose or what trail it is; everybody's, where nothing is given. Made by `subject`.

    Attributes:
        user_email: in the form of the log: trimmed, NFC, lower case.
    """

    user_email: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    service_name: str | None = None

    def __str__(self) -> str:
        if self.user_email is not None:
            return f"person {self.user_email}"
        if self.entity_type is not None:
            return f"entity {self.entity_type}:{self.entity_id}"
        return "everybody" if self.service_name is None else f"service {self.service_name}"

    @property
    def given(self) -> dict[str, str]:
        """What is given, by column of the log."""
        named = ("user_email", "entity_type", "entity_id", "service_name")
        return {name: value for name in named if (value := getattr(self, name)) is not None}

    @property
    def indexed(self) -> str:
        """The part of the condition on rows (``log``) that an index answers in the order of time."""
        if self.user_email is not None:
            return "log.user_email = %(user_email)s::text"
        return "true" if self.entity_type is None else _ENTITY

    @property
    def compared(self) -> str:
        """The part that is compared row by row (``part``)."""
        return "true" if self.service_name is None else "part.service_name = %(service_name)s::text"

    @property
    def looked_at(self) -> str:
        """The condition on records of reads (``log``): those that were about it."""
        filters = "log.action_data #>> '{filters,%s}' = %%(%s)s::text"
        return " AND ".join(filters % (name, name) for name in self.given) or "true"


_ENTITY: Final = "log.entity_type = %(entity_type)s::text AND log.entity_id = %(entity_id)s::text"


def subject(
    user_email: str | None, entity_type: str | None, entity_id: str | None, service_name: str | None
) -> Subject:
    """A subject, checked.

    Args:
        user_email: normalised.

    Raises:
        ConfigurationError: more than one thing is asked for, or half of an entity.
    """
    if (entity_type is None) != (entity_id is None):
        raise ConfigurationError(
            f"an entity is a type and an id, such as deal:789; got {entity_type or ''!r} and {entity_id or ''!r}"
        )
    if sum(one is not None for one in (user_email, entity_type, service_name)) > 1:
        raise ConfigurationError("a trail is of one person, one entity or one service; give one of them, or none")
    return Subject(user_email, entity_type, entity_id, service_name)


@dataclass(frozen=True, slots=True)
class Asked:
    """A report.

    Attributes:
        since: the first moment of the period.
        until: the first moment behind it.
        tz: whose clock the page shows; files for programs have UTC.
        by: who asked for it, in words.
        made_at: when.
        version: of this program.
        reads: also who looked at what.
        person: keyed hash of the subject's address, as acts name people, in hexadecimal; None where this login may not know it.
    """

    subject: Subject
    since: datetime
    until: datetime
    by: str
    made_at: datetime
    version: str
    tz: ZoneInfo
    reads: bool = False
    person: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """For every question."""
        return self.subject.given | {"since": self.since, "until": self.until, "person": self.person}
