"""Every error that prelude-otel raises on purpose, in all of its rooms.

::

    PreludeError
    ├── ConfigurationError          a setting is wrong, or two settings contradict each other
    │   └── MissingExtraError       a part needs packages that an extra installs
    ├── CatalogueError              an activity is declared wrongly
    │   └── UnknownActivityError    a name that no catalogue knows
    ├── ContractError               a record can't become a row; the exporter quarantines it
    ├── StoreError                  the database refuses, or is not as it must be
    │   ├── SchemaError             schema missing, older or newer than this program
    │   └── StoreUnavailableError   the database is away; the same request may be sent again
    └── CollectorError              the Collector can't be found, built or started

None of them ever reaches a decorated handler: they surface at start-up, on the command line, and under the test helpers.
"""

from __future__ import annotations

__all__ = [
    "CatalogueError",
    "CollectorError",
    "ConfigurationError",
    "ContractError",
    "MissingExtraError",
    "PreludeError",
    "SchemaError",
    "StoreError",
    "StoreUnavailableError",
    "UnknownActivityError",
]


class PreludeError(Exception):
    """The root of the tree. Messages say what happened, with which value, and what to do."""


class ConfigurationError(PreludeError):
    """A setting is wrong, or contradicts another one."""


class MissingExtraError(ConfigurationError):
    """A part of prelude-otel needs packages that are not installed.

    Args:
        what: what was asked for, as the start of a sentence ("the exporter").
        extra: the extra that brings it ("exporter").
        missing: the module that was not found.
    """

    def __init__(self, what: str, extra: str, missing: str) -> None:
        super().__init__(f"{what} needs the package that provides {missing!r}: pip install 'prelude-otel[{extra}]'")
        self.extra = extra


class CatalogueError(PreludeError):
    """An activity is declared wrongly."""


class UnknownActivityError(CatalogueError):
    """A name that no catalogue knows."""


class ContractError(PreludeError):
    """A record can't become a row.

    Args:
        reason: short and fit for counting, e.g. ``unknown_status``.
        detail: what was found, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoreError(PreludeError):
    """The database refuses, or is not as it must be."""


class SchemaError(StoreError):
    """The schema is missing, or older or newer than this program."""


class StoreUnavailableError(StoreError):
    """The database is away for now; the same request may be sent again."""


class CollectorError(PreludeError):
    """The Collector can't be found, built or started."""
