"""One event becomes one row: `docs/contract.md`. Pure: no socket, no database, no clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import orjson

from prelude_exporter.decoding.content import content_of
from prelude_exporter.decoding.declaration import Declaration
from prelude_exporter.decoding.fields import LONGEST_ACTION_NAME, LONGEST_PAGE_URL, Cells, Fields
from prelude_exporter.decoding.result import result_text
from prelude_exporter.decoding.texts import Notes, clean, json_text
from prelude_otel.catalogue import Activity, Catalogue, builtin, conform
from prelude_otel.catalogue import page_url as fill_page
from prelude_otel.contract.attributes import EVENT_PREFIX
from prelude_otel.contract.duration import duration_ms
from prelude_otel.contract.event_id import event_id_from_content, event_id_from_uid
from prelude_otel.contract.vocabulary import ACTION_TYPES, STATUSES, SUCCESS
from prelude_otel.errors import ContractError
from prelude_store.row import ActivityRow, Probe

__all__ = ["Mapper", "trace_context"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_NO_TRACE, _NO_SPAN = bytes(_TRACE_BYTES), bytes(_SPAN_BYTES)
_STATUS: Final[dict[str | None, str]] = {None: SUCCESS} | {status: status for status in STATUSES}
_new: Final = tuple.__new__  # a third of what the constructor of a named tuple takes
_json: Final = orjson.dumps
_HASH: Final = blake2b(digest_size=16)


def trace_context(trace_id: bytes, span_id: bytes) -> tuple[str | None, str | None]:
    """Both ids in hexadecimal; None for one that is none (wrong length, all zero: W3C Trace Context)."""
    return (
        trace_id.hex() if len(trace_id) == _TRACE_BYTES and trace_id != _NO_TRACE else None,
        span_id.hex() if len(span_id) == _SPAN_BYTES and span_id != _NO_SPAN else None,
    )


class Mapper:
    """Makes rows of events. Remembers attributes that repeat; that changes how long a row takes, never what it is.

    Args:
        catalogue: what the activities may carry; the reference's eighteen when not given.
    """

    __slots__ = ("_declared", "_fields", "_notes")

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self._fields = Fields()
        self._notes = Notes()
        self._declared: dict[str, dict[str, Declaration]] = {type_: {} for type_ in ACTION_TYPES}
        for activity in builtin() if catalogue is None else catalogue:
            self._declared[activity.type][activity.name] = Declaration(activity)

    def event(
        self,
        name: str,
        time_ns: int,
        attributes: Sequence[bytes],
        trace_id: bytes,
        span_id: bytes,
        service_name: str | None,
        span_ns: int | None,
        message: Any,
    ) -> ActivityRow:
        """The row of one event.

        Args:
            name: EventName.
            time_ns: start of the action in nanoseconds since the epoch; 0 when unknown.
            attributes: each a KeyValue in bytes.
            span_ns: length of the span that the event is in, in nanoseconds; None for a log record.
            message: the record as parsed; its bytes make the event id where it brings none.

        Raises:
            ContractError: it can't become a row.
        """
        notes = self._notes
        if notes.mended or notes.rejected:
            notes = self._notes = Notes()  # most records leave theirs blank
        cells = self._fields.read(attributes, notes)
        if time_ns <= 0:
            raise ContractError("no_timestamp", "neither Timestamp nor ObservedTimestamp is set")
        (
            uid, user_email, session_id, action_type, action_name, action_category, entity_type, entity_id, page_url, page_route,
            user_agent, ip_address, data, status, result, duration_ns, join, tags, completes, personal, error_type, http_status,
            handler_ran, _, _,
        ) = cells  # fmt: skip
        if action_type is None or action_name is None:
            action_type, action_name = _from_event_name(name, action_type, action_name, notes)
        declarations = self._declared.get(action_type)
        if declarations is None:
            raise ContractError(
                "unknown_action_type", f"action type {action_type!r} is none of the eleven of the contract"
            )
        known_status = _STATUS.get(status)
        if known_status is None:
            raise ContractError("unknown_status", f"result status {status!r} is none of {', '.join(sorted(STATUSES))}")

        declaration = declarations.get(action_name)
        if declaration is not None:
            activity = declaration.activity
            if not declaration.fits(data):
                data, rejected = conform(activity, data or {}, entity_id)
                if rejected:
                    notes.rejected.update(rejected)
            if entity_type is None or page_route is None or action_category is None:
                action_category, entity_type, page_url, page_route = _as_declared(
                    activity, data, entity_id, action_category, entity_type, page_url, page_route, notes
                )
        action_data = json_text(data, "action_data", notes)
        result_data = result_text(result, error_type, http_status, handler_ran, notes)

        if duration_ns is None and join is not False:
            duration_ns = span_ns
        # As `trace_context`; a call less for each row.
        trace = trace_id.hex() if len(trace_id) == _TRACE_BYTES and trace_id != _NO_TRACE else None
        span = span_id.hex() if len(span_id) == _SPAN_BYTES and span_id != _NO_SPAN else None
        before = (
            time_ns // 1000,
            uid if uid is not None and _UUID(uid) else _event_id(uid, service_name, name, time_ns, trace_id, span_id, attributes, message),
            user_email, session_id, action_type, action_name, action_category, entity_type, entity_id, page_url, page_route,
            service_name, user_agent, ip_address, action_data, known_status, result_data,
        )  # fmt: skip
        after = (tags, None if completes is None else event_id_from_uid(completes), personal, trace, span)
        hashing = _HASH.copy()  # faster than a new one
        hashing.update(_json((before, after)))
        content_hash = hashing.digest()
        if duration_ns is None:
            waits = join is not False and trace is not None and span is not None
            return _new(ActivityRow, (*before, None, *after, content_hash, waits))
        return _new(ActivityRow, (*before, duration_ms(duration_ns), *after, content_hash, False))

    def probe(self, time_ns: int, attributes: Sequence[bytes], service_name: str | None) -> Probe:
        """The marked record of ``prelude doctor``; arguments as for `event`.

        Raises:
            ContractError: it has no id that is a UUID.
        """
        probe_id = [*self._fields.read(attributes, Notes())][Cells._fields.index("probe_id")]
        try:
            return Probe(str(UUID(probe_id or "")), service_name, time_ns // 1000)
        except ValueError as error:
            raise ContractError("bad_probe", f"prelude.probe.id is no UUID: {probe_id!r}") from error


def _as_declared(
    activity: Activity,
    data: dict[str, Any] | None,
    entity_id: str | None,
    category: str | None,
    entity: str | None,
    page_url: str | None,
    page_route: str | None,
    notes: Notes,
) -> tuple[str | None, str | None, str | None, str | None]:
    """Category, entity and page of an emitter that has no catalogue."""
    if page_url is None and activity.page is not None:
        filled = fill_page(activity.page, {**(data or {}), activity.entity_id or "": entity_id})
        page_url = None if filled is None else clean(filled, "page_url", notes, LONGEST_PAGE_URL)
    return category or activity.category, entity or activity.entity, page_url, page_route or activity.page


def _from_event_name(name: str, action_type: str | None, action_name: str | None, notes: Notes) -> tuple[str, str]:
    if name.startswith(EVENT_PREFIX):
        type_, _, rest = name.removeprefix(EVENT_PREFIX).partition(".")
        rest = clean(rest, "action_name", notes, LONGEST_ACTION_NAME)
        if type_ and rest:
            return action_type or type_, action_name or rest
    raise ContractError(
        "no_action_name", f"EventName {name!r} is not prelude.<type>.<name>, and no attribute says type and name"
    )


def _event_id(uid: str | None, service_name: str | None, *record: Any) -> str:
    if uid is None:
        return event_id_from_content(content_of(service_name, *record))
    return event_id_from_uid(uid)
