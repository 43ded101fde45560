"""Filters: which rows a question is about, the same for rollups, raw rows, and rows as they commit.

`q` is found inside user_email, action_name, entity_id, page_url, and every text (not number, not key) at any depth of action_data;
both sides in lower case, without patterns: ``strpos(lower(column), lower(q)) > 0`` in SQL, ``q.lower() in text.lower()`` in Python.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from pydantic import Field

from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.statuses import effective
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.vocabulary import ACTION_TYPES, PENDING, STATUSES, TIMEOUT

__all__ = ["ROLLED_UP", "FilterQuery", "Filters"]

ROLLED_UP: Final = frozenset({"action_type", "action_name", "entity_type", "result_status", "service_name"})
"""Filters that ``activity_rollups`` knows; the others read raw rows."""

_SEARCHED: Final = ("user_email", "action_name", "entity_id", "page_url")
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
        return cls(**{name: _read(name, value) for name, value in values.items() if value is not None})

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
        return self.given.keys() <= set(names)

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
                searched = [f"strpos(lower({alias}.{column}), lower(%(filter_q)s::text)) > 0" for column in _SEARCHED]
                yield f"({' OR '.join(searched)} OR {_IN_DATA.format(alias=alias)})"
            elif rollup:
                yield f"{alias}.{name} = public.prelude_key(%(filter_{name})s::text)"
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
                fits = row[name] == value
            if not fits:
                return False
        return True


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

    def filters(self) -> Filters:
        """What is asked.

        Raises:
            ParameterError: a value is not allowed.
        """
        return Filters.read({name: getattr(self, name) for name in FilterQuery.model_fields})


def _read(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ParameterError(name, value, "it is a text with at least one character, and without NUL")
    if len(value) > _MOST:
        raise ParameterError(name, value, f"it has at most {_MOST} characters")
    if name == "action_type" and value not in ACTION_TYPES:
        raise ParameterError(name, value, f"it is one of {', '.join(sorted(ACTION_TYPES))}")
    if name == "result_status" and value not in STATUSES:
        raise ParameterError(name, value, f"it is one of {', '.join(sorted(STATUSES))}")
    if name == "q" and not _Q_LEAST <= len(value) <= _Q_MOST:
        raise ParameterError(name, value, f"it has {_Q_LEAST} to {_Q_MOST} characters")
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


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _texts(value)
