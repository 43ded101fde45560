"""Filters: which rows a question is about, the same for rollups, raw rows, and rows as they commit.

`q` is found inside user_email, action_name, entity_id, page_url, and every text (not number, not key) at any depth of action_data;
both sides in lower case, without patterns: ``strpos(lower(column), lower(q)) > 0`` in SQL, ``q.lower() in text.lower()`` in Python.

Whatever an answer counts by has a filter, so that there is a list behind each number. A key that is empty there (no service, no page) is
asked for as ``(none)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from pydantic import Field

from prelude_analytics import browsers, groups
from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.statuses import effective
from prelude_analytics.zones import zone
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.vocabulary import ACTION_TYPES, PENDING, STATUSES, TIMEOUT

__all__ = ["CLOCKS", "NONE", "ROLLED_UP", "FilterQuery", "Filters"]

NONE: Final = "(none)"
"""Asks for rows that have no such value."""

ROLLED_UP: Final = frozenset({"action_type", "action_name", "entity_type", "result_status", "service_name"})
"""Filters that ``activity_rollups`` knows; the others read raw rows."""

_SEARCHED: Final = ("user_email", "action_name", "entity_id", "page_url")
_KEY_BYTES: Final = {"session_id": ", 1000"}
"""Of keys that may be longer than others."""
_EMPTY: Final = frozenset({"entity_type", "page_route", "service_name", "ip_address", "browser"})
"""Filters that take `NONE`."""
CLOCKS: Final = frozenset({"weekday", "hour"})
"""Filters on the clock of a zone."""
_GROUPED: Final = frozenset({"action_group", "email_method", "deal_value", "browser"})
"""Filters on what answers count together."""
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "action_type": tuple(sorted(ACTION_TYPES)),
    "result_status": tuple(sorted(STATUSES)),
    "action_group": tuple(groups.ACTIONS),
    "email_method": (*groups.METHODS, groups.OTHER),
    "deal_value": groups.VALUES,
    "weekday": tuple(str(day) for day in range(1, 8)),
    "hour": tuple(str(hour) for hour in range(24)),
}
"""What filters allow that do not take any text."""
_MOST: Final = 500
_Q_LEAST: Final = 2
_Q_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What a row must have; None asks nothing. Texts are compared whole, but `q`, which is found inside, whatever its case.

    Attributes:
        user_email: in the form of the log: trimmed, NFC, lower case.
        result_status: as a row reads; a pending one that is too old is a timeout.
        tag: one of the row's tags.
        q: in the address, the action's name, the entity's id, the page's URL, or a text of action_data.
        page_route: template of the page.
        action_group: actions that an answer counts together: a name of `groups.ACTIONS`.
        customer_id: as ``/customers`` tells it: of action_data, else the entity's id of view_customer.
        email_method: of emails, as ``/emails`` tells it: one of `groups.METHODS`, or ``other``.
        deal_value: ``known``: deals created whose value is a number, as ``/deals`` counts them; ``unknown``: the others.
        ip_address: where the request came from.
        browser: with which browser or program, as `browsers.browser_of` names it.
        weekday: 1 is Monday, 7 is Sunday, in `tz`.
        hour: 0 to 23, of the clock in `tz`.
        tz: for `weekday` and `hour`; UTC unless given.
    """

    user_email: str | None = None
    action_type: str | None = None
    action_name: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    result_status: str | None = None
    service_name: str | None = None
    session_id: str | None = None
    tag: str | None = None
    q: str | None = None
    page_route: str | None = None
    action_group: str | None = None
    customer_id: str | None = None
    email_method: str | None = None
    deal_value: str | None = None
    ip_address: str | None = None
    browser: str | None = None
    weekday: str | None = None
    hour: str | None = None
    tz: str | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Filters:
        """Filters from what a client wrote.

        Raises:
            ParameterError: a name is no filter, or a value is not allowed.
        """
        names = tuple(cls.__dataclass_fields__)
        for name, value in values.items():
            if name not in names:
                raise ParameterError(name, value, f"no such filter; there are {', '.join(names)}")
        read = {name: _read(name, value) for name, value in values.items() if value is not None}
        if "tz" in read and not read.keys() & CLOCKS:
            raise ParameterError("tz", read["tz"], "it needs weekday or hour beside it")
        return cls(**read)

    @classmethod
    def of_query(cls, query: Mapping[str, str], also: Collection[str] = ()) -> Filters:
        """Filters from the query of a request, in which the parameters `also` may stand, too; errors as `read`."""
        return cls.read({name: value for name, value in query.items() if name not in also})

    @property
    def given(self) -> dict[str, str]:
        """The filters that are set, by name."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def answered_by_rollups(self) -> bool:
        """Whether ``activity_rollups`` knows all that is asked."""
        return self.within(ROLLED_UP)

    @property
    def digest(self) -> str:
        """Short, and another for other filters: a cursor belongs to the filters that it was given for."""
        return blake2b(json.dumps(sorted(self.given.items())).encode(), digest_size=6).hexdigest()

    def within(self, names: Collection[str]) -> bool:
        """Whether nothing is asked but of `names`."""
        return all(name in names and value != NONE for name, value in self.given.items())

    def where(self, alias: str = "log", *, rollup: bool = False) -> tuple[str, dict[str, Any]]:
        """The condition on columns of `alias`, and its parameters. With a filter on the status, the statement needs ``cut``, too.

        Args:
            alias: of the log, or of a rollup.
            rollup: `alias` is a rollup that has the columns that are asked for, and its texts are keys.
        """
        conditions = list(self._conditions(alias, rollup=rollup))
        return " AND ".join(conditions) or "true", {f"filter_{name}": value for name, value in self.given.items()}

    def _conditions(self, alias: str, *, rollup: bool) -> Iterator[str]:
        clock = f'{alias}."{"bucket" if rollup else "timestamp"}"'
        for name, value in self.given.items():
            if name == "result_status":
                yield _status(value, f"{alias}.result_status", clock)
            elif name == "tag":
                yield f"{alias}.tags @> ARRAY[%(filter_tag)s::text]"
            elif name == "q":
                yield _found(value, alias)
            elif name in _SPECIAL:
                yield _SPECIAL[name].format(alias=alias)
            elif name in _GROUPED:
                yield _grouped(name, value, alias)
            elif name in CLOCKS:
                part = {"weekday": "isodow", "hour": "hour"}[name]
                zoned = f"{clock} AT TIME ZONE " + ("'UTC'" if self.tz is None else "%(filter_tz)s::text")
                yield f"extract({part} FROM {zoned}) = %(filter_{name})s::integer"
            elif name == "tz":
                continue
            elif value == NONE and name in _EMPTY:
                yield f"coalesce({alias}.{name}, '') = ''"
            elif rollup:
                most = _KEY_BYTES.get(name, "")
                yield f"{alias}.{name} = public.prelude_key(%(filter_{name})s::text{most})"
            else:
                yield f"{alias}.{name} = %(filter_{name})s::text"

    def matches(self, row: Mapping[str, Any], cut: datetime) -> bool:
        """Whether `row`, with columns of the log as its keys, is one that the condition of `where` gives."""
        for name, value in self.given.items():
            if name == "result_status":
                fits = effective(row["result_status"], row["timestamp"], cut) == value
            elif name == "tag":
                fits = value in (row["tags"] or ())
            elif name == "q":
                found = [row[column] or "" for column in _SEARCHED] + list(_texts(row["action_data"]))
                fits = any(value.lower() in text.lower() for text in found)
            else:
                fits = self._has(name, value, row)
            if not fits:
                return False
        return True

    def _has(self, name: str, value: str, row: Mapping[str, Any]) -> bool:
        if name in CLOCKS:
            local = _moment(row["timestamp"]).astimezone(zone(self.tz or "UTC"))
            return int(value) == (local.isoweekday() if name == "weekday" else local.hour)
        if name == "action_group":
            return row["action_name"] in groups.ACTIONS[value]
        if name == "email_method":
            return row["action_name"] in groups.ACTIONS["emails"] and groups.method_of(row) == value
        if name == "deal_value":
            return row["action_name"] == groups.CREATE_DEAL and groups.value_of(row) == value
        if name == "browser":
            return browsers.browser_of(row["user_agent"]) == ("" if value == NONE else value)
        if name == "customer_id":
            return groups.key(groups.customer_of(row)) == groups.key(value)
        if name == "page_route":
            return groups.key(row["page_route"] or "") == ("" if value == NONE else groups.key(value))
        if value == NONE and name in _EMPTY:
            return not row[name]
        return bool(name == "tz" or row[name] == value)


# As rollups have them: a text that is too long for a key stands there with a hash of the whole, and a list finds it by that.
_SPECIAL: Final = {
    "customer_id": (
        "public.prelude_key(coalesce({alias}.action_data->>'customer_id',"
        " CASE {alias}.action_name WHEN 'view_customer' THEN {alias}.entity_id END)) = public.prelude_key(%(filter_customer_id)s::text)"
    ),
    "page_route": (
        f"public.prelude_key({{alias}}.page_route) = public.prelude_key(nullif(%(filter_page_route)s::text, '{NONE}'))"
    ),
}
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""What JSON writes as it is, and no rule of case reads differently within a longer text."""
_ANYWHERE: Final = (
    "strpos(lower(concat_ws(E'\\n', "
    + ", ".join(f"{{alias}}.{column}" for column in _SEARCHED)
    + ", {alias}.action_data::text)),"
    " lower(%(filter_q)s::text)) > 0"
)
"""Of every row in which `q` is found, and of a few others: quicker to tell than where it is found."""
_IN_DATA: Final = (
    "EXISTS (SELECT FROM jsonb_path_query({alias}.action_data, '$.** ? (@.type() == \"string\")') AS part"
    " WHERE strpos(lower(part #>> '{{}}'), lower(%(filter_q)s::text)) > 0)"
)


class FilterQuery(Parameters):
    """The filters, as query parameters."""

    user_email: str | None = Field(None, description="Whose activities; the address in any case.")
    action_type: str | None = Field(
        None, description="One of the eleven types.", json_schema_extra={"enum": [*sorted(ACTION_TYPES)]}
    )
    action_name: str | None = Field(None, description="What was done, e.g. `create_deal`.")
    entity_type: str | None = Field(None, description="What kind of thing it was done to, e.g. `deal`.")
    entity_id: str | None = Field(None, description="The thing's id; quick together with `entity_type`.")
    result_status: str | None = Field(
        None,
        description="One of the four. A pending activity that was not ended in time reads as `timeout`.",
        json_schema_extra={"enum": [*sorted(STATUSES)]},
    )
    service_name: str | None = Field(None, description="The service that recorded it.")
    session_id: str | None = Field(None, description="The session; quick together with `user_email`.")
    tag: str | None = Field(None, description="One of the activity's tags.")
    q: str | None = Field(
        None,
        description="Text found, whatever its case, in the address, the action's name, the entity's id, the page's URL or a text of"
        f" action_data; {_Q_LEAST} to {_Q_MOST} characters.",
    )

    page_route: str | None = Field(None, description=f"Template of the page; `{NONE}`: without a page.")
    action_group: str | None = Field(
        None,
        description="Actions that an answer counts together: `views` of `/customers`, `emails` of `/emails`, `deals` of `/deals`.",
        json_schema_extra={"enum": [*groups.ACTIONS]},
    )
    customer_id: str | None = Field(
        None,
        description="The customer, as `/customers` has it: `customer_id` of action_data, else the entity of view_customer.",
    )
    email_method: str | None = Field(
        None,
        description="How emails went, as `/emails` has it.",
        json_schema_extra={"enum": [*_CHOICES["email_method"]]},
    )
    deal_value: str | None = Field(
        None,
        description="Of deals created: whether the value is known as a number, as `/deals` has it.",
        json_schema_extra={"enum": [*_CHOICES["deal_value"]]},
    )
    ip_address: str | None = Field(
        None, description=f"Where the request came from; `{NONE}`: unknown. Quick together with `user_email`."
    )
    browser: str | None = Field(
        None,
        description=f"The browser and its system, e.g. `Firefox on Windows`, or the program's own name; `{NONE}`: unknown. Quick together"
        " with `user_email`.",
    )
    weekday: str | None = Field(
        None,
        description="Day of the week in `tz`: 1 is Monday, 7 is Sunday.",
        json_schema_extra={"enum": [*_CHOICES["weekday"]]},
    )
    hour: str | None = Field(
        None,
        description="Hour of the clock in `tz`, 0 to 23.",
        json_schema_extra={"enum": [*_CHOICES["hour"]]},
    )

    def filters(self) -> Filters:
        """What is asked.

        Raises:
            ParameterError: a value is not allowed.
        """
        given = {name: getattr(self, name) for name in FilterQuery.model_fields}
        if self.weekday is not None or self.hour is not None:
            given["tz"] = getattr(self, "tz", None)
        return Filters.read(given)


def _read(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ParameterError(name, value, "it is a text with at least one character, and without NUL")
    if len(value) > _MOST:
        raise ParameterError(name, value, f"it has at most {_MOST} characters")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ParameterError(name, value, f"it is one of {', '.join(_CHOICES[name])}")
    if name == "q" and not _Q_LEAST <= len(value) <= _Q_MOST:
        raise ParameterError(name, value, f"it has {_Q_LEAST} to {_Q_MOST} characters")
    if name == "tz":
        return zone(value).key
    if name == "user_email":
        address = normalise_email(value)
        if address is None:
            raise ParameterError(name, value, "it is an address")
        return address
    return value


def _status(value: str, column: str, clock: str) -> str:
    if value == PENDING:
        return f"({column} = 'pending' AND {clock} >= %(cut)s::timestamptz)"
    if value == TIMEOUT:
        return f"({column} = 'timeout' OR ({column} = 'pending' AND {clock} < %(cut)s::timestamptz))"
    return f"{column} = %(filter_result_status)s::text"


def _grouped(name: str, value: str, alias: str) -> str:
    """The condition of a filter of `_GROUPED`."""
    if name == "action_group":
        return f"{alias}.action_name IN ({groups.quoted(groups.ACTIONS[value])})"
    if name == "email_method":
        method = f"coalesce({alias}.action_data->>'method', '')"
        emails = f"{alias}.action_name IN ({groups.quoted(groups.ACTIONS['emails'])})"
        others = value == groups.OTHER
        fits = f"NOT IN ({groups.quoted(groups.METHODS)})" if others else "= %(filter_email_method)s::text"
        return f"({emails} AND {method} {fits})"
    if name == "deal_value":
        fits = "IS TRUE" if value == groups.KNOWN else "IS NOT TRUE"
        known = f"(jsonb_typeof({alias}.action_data->'value_usd') = 'number') {fits}"
        return f"({alias}.action_name = '{groups.CREATE_DEAL}' AND {known})"
    wanted = "''" if value == NONE else "%(filter_browser)s::text"
    return f"{browsers.expression(f'{alias}.user_agent')} = {wanted}"


def _found(text: str, alias: str) -> str:
    searched = [f"strpos(lower({alias}.{column}), lower(%(filter_q)s::text)) > 0" for column in _SEARCHED]
    exactly = f"({' OR '.join(searched)} OR {_IN_DATA.format(alias=alias)})"
    return f"{_ANYWHERE.format(alias=alias)} AND {exactly}" if _PLAIN.fullmatch(text) else exactly


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _texts(value)
