"""One occurrence of an activity, from its beginning to the moment it is emitted."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from prelude_otel import problems
from prelude_otel.binding import MISSING, Binding, Failed
from prelude_otel.catalogue.conform import conform
from prelude_otel.catalogue.page import page_parameters, page_url
from prelude_otel.contract.attributes import REJECTED_FIELDS
from prelude_otel.contract.text import well_formed
from prelude_otel.contract.vocabulary import PENDING, SUCCESS
from prelude_otel.request import worker_user
from prelude_otel.settings import DEFAULT_SESSION_KEY
from prelude_otel.tokens import Pending, token_of
from prelude_otel.values import NOT_CARRIED, carry

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

    from prelude_otel.catalogue.model import Activity
    from prelude_otel.request import RequestState
    from prelude_otel.settings import Settings

__all__ = ["ActivityEvent", "current_activity", "current_event"]


class ActivityEvent:
    """One occurrence of an activity: what `current_activity` gives inside a handler, and what is emitted at its end.

    `set`, `tag`, `result` and `pending` may be called as long as the activity runs; afterwards they change nothing.
    """

    __slots__ = (
        "call",
        "client_address",
        "completes",
        "data",
        "duration_ns",
        "entity_id",
        "error_type",
        "finished",
        "handler_ran",
        "http_status",
        "kind",
        "page_route",
        "page_url",
        "request",
        "result_data",
        "session_id",
        "settings",
        "span",
        "span_context",
        "start_ns",
        "status",
        "tags",
        "uid",
        "user_agent",
        "user_email",
    )

    def __init__(self, kind: Activity, start_ns: int, uid: str) -> None:
        self.kind = kind
        self.start_ns = start_ns
        """When the action began, in nanoseconds since the epoch; also the start of its span."""
        self.uid = uid
        self.duration_ns: int | None = None
        """Length of the span in nanoseconds; None for a fact without duration."""
        self.span: Span | None = None
        """The activity's own span; None where there is only a trace to belong to."""
        self.span_context: SpanContext | None = None
        self.request: RequestState | None = None
        self.call: tuple[Binding, tuple[Any, ...], Mapping[str, Any]] | None = None
        """Where a decorated function's values are found, and its arguments."""
        self.settings: Settings | None = None
        self.status = SUCCESS
        self.error_type: str | None = None
        self.http_status: int | None = None
        self.handler_ran = True
        self.data: dict[str, Any] = {}
        self.result_data: dict[str, Any] | None = None
        self.tags: list[str] | None = None
        self.entity_id: str | None = None
        self.user_email: str | None = None
        self.session_id: str | None = None
        self.client_address: str | None = None
        self.user_agent: str | None = None
        self.page_url: str | None = None
        self.page_route: str | None = None
        self.completes: str | None = None
        self.finished = False

    def set(self, **fields: Any) -> ActivityEvent:
        """Give fields of the action data (or the entity's id, under its catalogue name). Later wins over found."""
        if not self._over("set"):
            self.data.update(fields)
        return self

    def tag(self, *tags: str) -> ActivityEvent:
        """Add searchable tags."""
        if not self._over("tag"):
            known = self.tags = self.tags if self.tags is not None else []
            known.extend(well_formed(str(tag)) for tag in tags if tag not in known)
        return self

    def result(self, **values: Any) -> ActivityEvent:
        """Give values of the result data."""
        if not self._over("result"):
            self.result_data = {**(self.result_data or {}), **values}
        return self

    def pending(self) -> str:
        """Say that the action goes on after the handler.

        Returns:
            A token for `prelude_otel.complete`, valid in any process.
        """
        if not self._over("pending"):
            self.status = PENDING
        settings = self.settings
        if settings is None:
            return ""
        if settings.session_key == DEFAULT_SESSION_KEY:
            problems.once(
                "session key",
                "tokens of pending() are signed with the key that everybody knows: set PRELUDE_SESSION_KEY",
            )
        return token_of(self._as_pending(), settings.session_key)

    def _as_pending(self) -> Pending:
        """What is known of the activity by now."""
        values: dict[str, Any] = {}
        if self.call is not None:
            binding, args, kwargs = self.call
            values.update(binding.find(binding.by_name(args, kwargs), MISSING))
        values.update(self.data)
        kind = self.kind
        entity_id = (
            values.get(kind.entity_id) if self.entity_id is None and kind.entity_id is not None else self.entity_id
        )
        email, session_id = worker_user.get() if self.request is None else self.request.user()
        return Pending(
            event_id=self.uid,
            key=kind.key,
            start_ns=self.start_ns,
            entity_id=None if entity_id is None else str(entity_id),
            user_email=self.user_email or email,
            session_id=self.session_id or session_id,
            page={name: str(values[name]) for name in page_parameters(kind.page) if values.get(name) is not None},
        )

    def take(self, found: Mapping[str, Any]) -> None:
        """Settle what the event is about: found values below given ones, coerced to what is declared."""
        kind = self.kind
        values = dict(found)
        values.update(self.data)
        rejected = self._carry(values)
        if kind.entity_id is not None and self.entity_id is None:
            given = values.get(kind.entity_id)
            self.entity_id = None if given is None else well_formed(str(given))
        self._take_page(values)
        for name in (kind.entity_id, *page_parameters(kind.page)):
            if name is not None and name not in kind.fields:
                values.pop(name, None)
        self.data, misfits = conform(kind, values, self.entity_id)
        if self.result_data:
            rejected.update(self._carry(self.result_data))
        rejected.update(misfits)
        if rejected:
            self.result(**{REJECTED_FIELDS: rejected})

    def _carry(self, values: dict[str, Any]) -> dict[str, Any]:
        """Put every value into a form that OTLP carries, in place; gives what has none, as its type."""
        rejected: dict[str, Any] = {}
        for name, value in values.items():
            if (type(value) is str and value.isascii()) or (type(value) is int and -(1 << 63) <= value < 1 << 63):
                continue
            carried = NOT_CARRIED if isinstance(value, Failed) else carry(value)
            if carried is NOT_CARRIED:
                carried = None
                culprit = value.error if isinstance(value, Failed) else value
                rejected[name] = f"<{type(culprit).__name__}>"
                if isinstance(value, Failed):
                    problems.report(f"reading {name!r} for {self.kind.key}", value.error)
            values[name] = carried
        return rejected

    def _take_page(self, values: Mapping[str, Any]) -> None:
        page = self.kind.page
        if page is None:
            return
        self.page_route = page
        if self.page_url is not None:
            return
        known = dict(self.request.scope.get("path_params", {})) if self.request is not None else {}
        if self.kind.entity_id is not None:
            known[self.kind.entity_id] = self.entity_id
        known.update((name, value) for name, value in values.items() if value is not None)
        self.page_url = page_url(page, known)

    def _over(self, what: str) -> bool:
        if self.finished:
            problems.once(
                f"late {what}", f"current_activity().{what}() was called after the activity had ended; it has no effect"
            )
        return self.finished


class NoActivity(ActivityEvent):
    """What `current_activity` gives where no activity runs: takes everything, does nothing."""

    __slots__ = ()

    def __init__(self) -> None:
        self.finished = True

    def pending(self) -> str:
        """Nothing is pending; gives an empty token, which `complete` passes over."""
        self._over("pending")
        return ""

    def _over(self, what: str) -> bool:
        problems.once("no activity", f"current_activity().{what}() was called outside an activity; it has no effect")
        return True


_NONE: Final = NoActivity()
current_event: ContextVar[ActivityEvent | None] = ContextVar("prelude_activity", default=None)


def current_activity() -> ActivityEvent:
    """The activity that runs here; outside of any, one that takes everything and does nothing."""
    return current_event.get() or _NONE
