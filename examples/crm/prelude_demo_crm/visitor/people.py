"""Who visits, and with what in hand."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """A user of the CRM."""

    email: str
    user_agent: str


PEOPLE = (
    Person(
        "ada.moreau@prelude.example",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    ),
    Person(
        "ben.castillo@prelude.example",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    ),
    Person("chidi.eze@prelude.example", "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0"),
    Person(
        "dora.lindqvist@prelude.example",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    ),
)
