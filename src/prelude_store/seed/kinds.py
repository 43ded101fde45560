"""Each kind of action: what the catalogue says of it, how long it takes, how long people think afterwards, and how it may fail."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import NormalDist
from typing import Final, NamedTuple

import orjson

from prelude_otel.catalogue import Activity, Catalogue, builtin, load
from prelude_otel.catalogue.page import page_parameters
from prelude_otel.contract.attributes import RESULT_ERROR_TYPE, RESULT_HANDLER_RAN, RESULT_HTTP_STATUS
from prelude_otel.contract.vocabulary import ERROR, TIMEOUT

__all__ = ["DICE", "INCIDENT", "Kind", "Mishap", "catalogue", "kinds"]

DICE: Final = 4096
"""Length of the tables of lengths; drawn from by a whole number below it."""


class Mishap(NamedTuple):
    """A way in which an action fails.

    Args:
        chance: how often, among all tries.
        handler_ran: False where the attempt was refused before, and so has no duration.
        nobody: whether it is not known who tried.
        least_ms: a failed action took at least so long.
        result: JSON text of ``result_data``, as the exporter writes it.
    """

    chance: float
    status: str
    handler_ran: bool
    nobody: bool
    least_ms: int
    result: str


class Kind(NamedTuple):
    """One kind of action.

    Args:
        parameter: the name in braces in `page`; None where there is none.
        filled_in: whether the catalogue adds to what a handler gives, or changes it.
        lengths: milliseconds that it takes; `DICE` of them, equally likely.
        thoughts: microseconds until the next action; likewise.
        trouble: how likely it is that one of `mishaps` happens.
    """

    activity: Activity
    type: str
    name: str
    category: str | None
    entity: str | None
    page: str | None
    parameter: str | None
    filled_in: bool
    personal: tuple[str, ...] | None
    service: str
    lengths: list[int]
    thoughts: list[int]
    trouble: float
    mishaps: tuple[Mishap, ...]


def _failed(chance: float, error_type: str, http_status: int, *, ran: bool = True, least_ms: int = 0) -> Mishap:
    said = {RESULT_ERROR_TYPE: error_type, RESULT_HTTP_STATUS: http_status} | (
        {} if ran else {RESULT_HANDLER_RAN: False}
    )
    status = TIMEOUT if http_status == 504 else ERROR
    result = orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
    return Mishap(chance, status, ran, http_status == 401, least_ms, result)


_MISHAPS: Final = {
    "list": (_failed(0.0008, "OperationalError", 500), _failed(0.0004, "TimeoutError", 504, least_ms=10_000)),
    "look": (_failed(0.006, "NotFoundError", 404), _failed(0.0008, "OperationalError", 500)),
    "write": (
        _failed(0.012, "422", 422, ran=False),
        _failed(0.004, "ConflictError", 409),
        _failed(0.001, "403", 403, ran=False),
    ),
    "send": (_failed(0.016, "DeliveryError", 502), _failed(0.006, "TimeoutError", 504, least_ms=10_000)),
    "agent": (_failed(0.01, "AgentOverloadedError", 503), _failed(0.012, "TimeoutError", 504, least_ms=30_000)),
    "login": (_failed(0.03, "401", 401, ran=False),),
    "none": (),
}
INCIDENT: Final = (
    _failed(0.2, "OperationalError", 503),
    _failed(0.33, "TimeoutError", 504, least_ms=10_000),  # what the one before leaves: 0.13
)
"""What comes on top while the database is in trouble; each chance holds those before it."""

# median ms, spread (sigma of the logarithm), seconds that people think afterwards, what may go wrong
_HABITS: Final = {
    "crm.view_customers_list": (60, 0.45, 9, "list"),
    "crm.view_customer": (28, 0.5, 24, "look"),
    "crm.search_customers": (140, 0.7, 7, "list"),
    "crm.view_deals_list": (75, 0.45, 9, "list"),
    "crm.view_deal": (34, 0.5, 22, "look"),
    "crm.create_deal": (48, 0.4, 30, "write"),
    "crm.update_deal": (42, 0.4, 20, "write"),
    "crm.delete_deal": (38, 0.4, 12, "look"),
    "crm.create_deal_note": (25, 0.4, 40, "write"),
    "crm.delete_deal_note": (22, 0.4, 8, "look"),
    "crm.create_deal_call_summary": (30, 0.4, 60, "write"),
    "crm.delete_deal_call_summary": (24, 0.4, 8, "look"),
    "crm.create_deal_meeting": (95, 0.6, 35, "write"),
    "crm.view_deal_activities": (420, 0.95, 25, "look"),  # the slow page
    "crm.generate_email": (2600, 0.5, 45, "agent"),
    "crm.send_email": (310, 0.6, 18, "send"),
    "crm.generate_interaction_summary": (5200, 0.55, 40, "agent"),
    "crm.view_interaction_summary": (26, 0.5, 30, "list"),
    "authentication.login": (180, 0.4, 4, "login"),
    "authentication.logout": (15, 0.3, 1, "none"),
    "authentication.token_refresh": (12, 0.3, 1, "none"),
    "navigation.page_view": (8, 0.6, 6, "none"),
    "chat.ask_assistant": (3400, 0.5, 35, "agent"),
    "lead_generation.search_leads": (850, 0.6, 20, "list"),
    "analytics.view_report": (260, 0.6, 45, "list"),
    "task_management.create_task": (24, 0.4, 15, "write"),
    "task_management.complete_task": (20, 0.4, 8, "look"),
    "calendar.sync_calendar": (640, 0.5, 10, "send"),
    "settings.update_settings": (30, 0.4, 15, "write"),
    "upload.upload_file": (900, 0.8, 12, "write"),
    "export.export_deals": (1800, 0.7, 25, "list"),
}
_SERVICES: Final = {
    "crm": "crm-service",
    "authentication": "auth-service",
    "settings": "user-settings",
    "navigation": "web",
    "chat": "assistant-service",
    "lead_generation": "leads-service",
}
_OTHER_SERVICE: Final = "office-service"
_THOUGHT_SPREAD: Final = 0.8


@cache
def catalogue() -> Catalogue:
    """The eighteen activities of the reference, and some of the other types."""
    known = builtin()
    with resources.as_file(resources.files(__package__).joinpath("others.toml")) as path:
        known.update(load(Path(path)))
    return known


@cache
def kinds() -> dict[str, Kind]:
    """Every kind of action that somebody may do, by ``type.name``."""
    normal = [NormalDist().inv_cdf((place + 0.5) / DICE) for place in range(DICE)]
    return {key: _kind(key, normal) for key in _HABITS}


def _kind(key: str, normal: list[float]) -> Kind:
    activity = catalogue().resolve(key)
    median_ms, spread, thought_s, group = _HABITS[key]
    return Kind(
        activity=activity,
        type=activity.type,
        name=activity.name,
        category=activity.category,
        entity=activity.entity,
        page=activity.page,
        parameter=next(iter(page_parameters(activity.page)), None),
        filled_in=any(field.constant or field.same_as or field.fields for field in activity.fields.values()),
        personal=activity.personal or None,
        service=_SERVICES.get(activity.type, _OTHER_SERVICE),
        lengths=[round(median_ms * math.exp(spread * each)) for each in normal],
        thoughts=[round(thought_s * 1e6 * math.exp(_THOUGHT_SPREAD * each)) for each in normal],
        trouble=sum(mishap.chance for mishap in _MISHAPS[group]),
        mishaps=_MISHAPS[group],
    )
