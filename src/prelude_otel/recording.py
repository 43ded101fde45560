"""Activities that are not the call of a decorated function: a block, a fact, the end of a pending one."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from prelude_otel import problems, state
from prelude_otel.catalogue import Activity
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.event_id import event_id_from_uid
from prelude_otel.contract.text import well_formed
from prelude_otel.contract.vocabulary import ERROR, STATUSES, SUCCESS
from prelude_otel.errors import ConfigurationError
from prelude_otel.event import ActivityEvent, NoActivity
from prelude_otel.runtime import Entered, Runtime, fail
from prelude_otel.tokens import read_token

__all__ = ["complete", "emit", "record"]


class record:  # noqa: N801 (used as a statement)
    """``with record("crm.send_email", to_email=…) as a:`` makes an activity of a block; ``a`` is what `current_activity` gives.

    Args:
        name: ``type.name`` of the catalogue, or an `Activity`.
        fields: fields of the action data, and the entity's id under its catalogue name.

    A name that nobody declared is counted and logged (raised under the test helpers); the block runs all the same.
    """

    __slots__ = ("_call", "_fields", "_name")

    def __init__(self, name: str | Activity, /, **fields: Any) -> None:
        self._name = name
        self._fields = fields
        self._call: tuple[Runtime, ActivityEvent, Entered, int] | None = None

    def __enter__(self) -> ActivityEvent:
        runtime = state.runtime or state.missing()
        if runtime is None:
            return NoActivity()
        try:
            kind = kind_of(runtime, self._name)
            event, entered, started_ns = runtime.begin(kind, kind.event_name)
            event.data.update(self._fields)
        except Exception as error:  # noqa: BLE001 (never the caller's problem)
            problems.report(f"record({_said(self._name)})", error)
            return NoActivity()
        self._call = runtime, event, entered, started_ns
        return event

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._call is None:
            return
        runtime, event, entered, started_ns = self._call
        try:
            runtime.leave(event, entered, started_ns)
            if error is not None:
                fail(event, error)
            event.take({})
            runtime.finish(event)
        except Exception as problem:  # noqa: BLE001 (never the caller's problem)
            problems.report(f"record({_said(self._name)})", problem)


def emit(
    name: str | Activity,
    /,
    *,
    status: str = SUCCESS,
    user_email: str | None = None,
    session_id: str | None = None,
    entity_id: str | int | None = None,
    page_url: str | None = None,
    user_agent: str | None = None,
    client_address: str | None = None,
    error_type: str | None = None,
    duration_ms: float | None = None,
    tags: tuple[str, ...] | list[str] = (),
    result: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> str | None:
    """Record a fact: something that happened, without a block around it.

    Args:
        name: ``type.name`` of the catalogue, or an `Activity`.
        status: success, error, pending or timeout.
        user_email: who; None: whoever `set_user` named.
        session_id: None: the request's, or the one that `set_user` named.
        entity_id: id of the entity; or give it as a field under its catalogue name.
        page_url: None: from the catalogue's page, or the request's path.
        user_agent: None: the request's.
        client_address: None: the request's.
        error_type: for an error, what kind.
        duration_ms: how long it took, in milliseconds, if somebody knows; the fact then began that long ago.
        tags: searchable tags.
        result: result data.
        data: fields whose names are not identifiers, or clash with an argument.
        fields: fields of the action data.

    Returns:
        The event's id, or None where nothing was recorded (said in the log; raised under the test helpers).
    """
    runtime = state.runtime or state.missing()
    if runtime is None:
        return None
    try:
        if status not in STATUSES:
            raise ConfigurationError(f"status={status!r}: choose one of {', '.join(sorted(STATUSES))}")
        kind = kind_of(runtime, name)
        duration_ns = None if duration_ms is None else max(0, round(duration_ms * 1_000_000))
        event = runtime.fact(kind, runtime.clock.now_ns() - (duration_ns or 0))
        event.duration_ns = duration_ns
        event.status = status
        event.error_type = _text(error_type)
        event.user_email = normalise_email(user_email) if user_email else None
        event.session_id = _text(session_id)
        event.entity_id = _text(entity_id)
        event.page_url = _text(page_url)
        event.user_agent = _text(user_agent)
        event.client_address = _text(client_address)
        event.tag(*tags)
        event.result_data = dict(result) if result else None
        event.take({**(data or {}), **fields})
        runtime.finish(event)
    except Exception as error:  # noqa: BLE001 (never the caller's problem)
        problems.report(f"emit({_said(name)})", error)
        return None
    return event.uid


def complete(token: str, status: str = SUCCESS, *, error_type: str | None = None, **fields: Any) -> str | None:
    """End a pending activity: a second event that names the first. Reads count the pair once.

    Args:
        token: what `current_activity().pending()` gave, in this process or another.
        status: success, error or timeout.
        error_type: for an error, what kind.
        fields: further fields of the action data.

    Returns:
        The second event's id, or None where nothing was recorded.
    """
    runtime = state.runtime or state.missing()
    if runtime is None or not token:
        return None
    try:
        if status not in STATUSES or status == "pending":
            raise ConfigurationError(f"status={status!r}: a pending activity ends in success, error or timeout")
        pending = read_token(token, runtime.settings.session_key)
        event = runtime.fact(kind_of(runtime, pending.key))
        event.completes = event_id_from_uid(pending.event_id)
        event.duration_ns = max(0, event.start_ns - pending.start_ns)
        event.start_ns = event.start_ns - event.duration_ns
        event.status = status
        event.error_type = error_type or (status if status == ERROR else None)
        event.entity_id = pending.entity_id
        event.user_email = pending.user_email
        event.session_id = pending.session_id
        event.take({**pending.page, **fields})
        runtime.finish(event)
    except Exception as error:  # noqa: BLE001 (never the caller's problem)
        problems.report("complete", error)
        return None
    return event.uid


def kind_of(runtime: Runtime, name: str | Activity) -> Activity:
    """The activity that a call names.

    Raises:
        UnknownActivityError: nobody declared it.
    """
    return name if isinstance(name, Activity) else runtime.catalogue.resolve(name)


def _text(value: object) -> str | None:
    return None if value is None else well_formed(str(value))


def _said(name: object) -> str:
    return repr(name.key if isinstance(name, Activity) else name)
