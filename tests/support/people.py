"""Random histories of people who name each other, in every place where somebody may be named."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from prelude_store.row import ActivityRow, Quarantined, SpanLength
from tests.support.histories import history
from tests.support.rows import make_row

ADA, BOB, CARL, EVE = "ada@x.com", "bob@x.com", "carl+1@y.org", "eve@x.com"
PEOPLE = (ADA, BOB, CARL, None)

_NAMING: tuple[dict[str, Any], ...] = (
    {
        "action_name": "send_email",
        "action_data": {"to_email": "{}", "subject": "To {}: hello", "method": "smtp", "n": 1.50},
    },
    {"action_name": "view_customer", "action_data": {"customer_id": "{}"}},
    {"action_name": "view_customer", "action_data": {}, "entity_id": "{}"},
    {"action_name": "generate_email", "action_data": {"method": "by {}"}},
    {"action_name": "search_customers", "action_data": {"search_query": "{}", "{}": [{"deep": ["<{}>", None, 7]}]}},
    {"action_name": "own_thing", "action_data": {"who": "{}", "x": {"y": 3}}, "personal_paths": ("action_data.x.y",)},
    {"action_name": "page_view", "action_type": "navigation", "page_url": "/p/{}?a=1", "page_route": None},
    {"action_name": "page_view", "action_type": "navigation", "tags": ("vip", "of {}")},
    {"action_name": "page_view", "action_type": "navigation", "result_data": {"error": "no mailbox {}"}},
    {"action_name": "page_view", "action_type": "navigation", "session_id": "of {}"},
    {"action_name": "page_view", "action_type": "navigation", "page_route": "/people/{}", "user_agent": "for {}"},
)


def people_history(pick: Random, size: int) -> tuple[list[ActivityRow], list[SpanLength]]:
    """As `histories.history`, with more people, who name each other."""
    rows, spans = history(pick, size)
    return [_named(pick, row) for row in rows], spans


def entries(pick: Random, size: int) -> list[Quarantined]:
    """Records in quarantine, by somebody or about somebody."""
    found = []
    for number in range(size):
        person = pick.choice([ADA, BOB])
        payload = json.dumps({"user_email": person, "number": number}).encode()
        found.append(Quarantined("row", "unknown_status", f"of {person}", payload))
    return found


def _named(pick: Random, row: ActivityRow) -> ActivityRow:
    fields = row._asdict()
    del fields["content_hash"]
    fields["user_email"] = pick.choice(PEOPLE)
    fields["user_agent"] = pick.choice([None, "Mozilla/5.0"])
    fields["ip_address"] = pick.choice([None, "203.0.113.7"])
    if pick.random() < 0.4:
        whom = pick.choice([ADA, ADA.upper(), BOB])
        for name, value in pick.choice(_NAMING).items():
            fields[name] = _filled(value, whom)
            if name in ("action_data", "result_data"):
                fields[name] = json.dumps(fields[name])
    return make_row(**fields)


def _filled(value: Any, whom: str) -> Any:
    if isinstance(value, str):
        return value.replace("{}", whom)
    if isinstance(value, dict):
        return {_filled(name, whom): _filled(one, whom) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(one, whom) for one in value)
    return value
