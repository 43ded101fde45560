"""Reads of other people's rows, recorded as activities themselves: who looked at what, by which filters; and who signed in and out.

They go the way of all activities, through `prelude_otel`, and so into the log that they are about.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl

import prelude_otel
from prelude_analytics.access.buckets import Buckets
from prelude_analytics.access.places import place_of
from prelude_otel import Activity, Field
from prelude_otel.contract.email import normalise_email
from prelude_otel.secrets import masked

if TYPE_CHECKING:
    from starlette.types import Scope

    from prelude_analytics.access.caller import Caller

__all__ = ["BROKEN_OFF", "SERVICE_NAME", "Recorder", "Records", "describe", "set_up"]

SERVICE_NAME: Final = "prelude-analytics"
_MORE: Final = "prelude.read"
_LONGEST: Final = 200
_MOST_FILTERS: Final = 30
_NO_FILTERS: Final = frozenset({"cursor", "as_of"})
_FORBIDDEN: Final = 403
BROKEN_OFF: Final = 499
"""Status under which an answer is recorded that had begun, and did not come to its end, or for which nobody waited; beside the record of its beginning."""
_REFUSED: Final = 400
_log = logging.getLogger(__name__)

_FIELDS: Final = {
    "route": Field(),
    "filters": Field(type="map", personal=True),
    "role": Field(values=("self", "all", "govern")),
    "token_id": Field(),
    "what": Field(type="map"),
}


def _kind(name: str, category: str = "read") -> Activity:
    return Activity(type="analytics", name=name, category=category, fields=_FIELDS)


def _governed(name: str, kind: str = "settings") -> Activity:
    return Activity(type=kind, name=name, category="governance", fields=_FIELDS)


_OTHER: Final = _kind("read")
"""A route that is not in the table."""
_KINDS: Final = {
    "POST /session": _kind("sign_in", "access"),
    "DELETE /session": _kind("sign_out", "access"),
    "/analytics/sign-in": _kind("sign_in", "access"),
    "/analytics/sign-out": _kind("sign_out", "access"),
    "/activities": _kind("view_summary"),
    "/recent-activities": _kind("view_activities"),
    "/sessions": _kind("view_sessions"),
    "/sessions/{id}": _kind("view_session"),
    "/sessions/{session_id}": _kind("view_session"),
    "/users": _kind("view_users"),
    "/customers": _kind("view_customers"),
    "/emails": _kind("view_emails"),
    "/deals": _kind("view_deals"),
    "/pages": _kind("view_pages"),
    "/origins": _kind("view_origins"),
    "/trends": _kind("view_trends"),
    "/heatmap": _kind("view_heatmap"),
    "/latency": _kind("view_latency"),
    "/errors": _kind("view_errors"),
    "/funnel": _kind("run_funnel"),
    "/cohorts": _kind("view_cohorts"),
    "/paths": _kind("view_paths"),
    "/export.csv": _kind("export_activities"),
    "/export.ndjson": _kind("export_activities"),
    "/governance/export": _governed("export_person", "export"),
    "/governance/audit": _governed("export_audit_trail", "export"),
    "/governance/state": _governed("view_governance"),
    "/governance/policies": _governed("view_policies"),
    "PUT /governance/policies": _governed("set_policy"),
    "DELETE /governance/policies": _governed("remove_policy"),
    "/governance/plan": _governed("view_retention_plan"),
    "/governance/holds": _governed("view_holds"),
    "POST /governance/holds": _governed("add_hold"),
    "DELETE /governance/holds/{number}": _governed("release_hold"),
    "/governance/requests": _governed("view_requests"),
    "POST /governance/requests": _governed("open_request"),
    "/governance/requests/{number}": _governed("view_request"),
    "/governance/requests/{number}/extend": _governed("extend_request"),
    "/governance/requests/{number}/close": _governed("close_request"),
    "/governance/requests/{number}/carry-out": _governed("carry_out_request"),
    "/governance/proposals": _governed("view_proposals"),
    "/governance/proposals/{number}/consent": _governed("consent_to_proposal"),
    "/governance/proposals/{number}/refuse": _governed("refuse_proposal"),
    "/governance/receipts": _governed("view_receipts"),
    "/governance/receipts/{number}": _governed("view_receipt"),
    "/governance/acts": _governed("view_acts"),
    "/live": _kind("watch_live"),
    "/quarantine": _kind("view_quarantine"),
    "/quarantine/{number}": _kind("view_quarantined"),
    "/quarantine/{number}/replay": _kind("replay_quarantined", "care"),
    "DELETE /quarantine/{number}": _kind("discard_quarantined", "care"),
    "/analytics": _kind("view_overview"),
    "/analytics/live": _kind("watch_live"),
    "/analytics/activities": _kind("view_activities"),
    "/analytics/sessions": _kind("view_sessions"),
    "/analytics/session": _kind("view_session"),
    "/analytics/people": _kind("view_users"),
    "/analytics/person": _kind("view_user"),
    "/analytics/customers": _kind("view_customers"),
    "/analytics/entity": _kind("view_entity"),
    "/analytics/funnels": _kind("run_funnel"),
    "/analytics/cohorts": _kind("view_cohorts"),
    "/analytics/paths": _kind("view_paths"),
    "/analytics/reports": _kind("view_reports"),
    "/analytics/system": _kind("view_quarantine"),
    "/analytics/system/{number}/replay": _kind("replay_quarantined", "care"),
    "/analytics/system/{number}/discard": _kind("discard_quarantined", "care"),
    "/analytics/governance": _governed("view_governance"),
    "/analytics/governance/receipts/{number}": _governed("view_receipt"),
    "/analytics/governance/requests": _governed("open_request"),
    "/analytics/governance/requests/{number}/extend": _governed("extend_request"),
    "/analytics/governance/requests/{number}/close": _governed("close_request"),
    "/analytics/governance/requests/{number}/carry-out": _governed("carry_out_request"),
    "/analytics/governance/policies": _governed("set_policy"),
    "/analytics/governance/policies/remove": _governed("remove_policy"),
    "/analytics/governance/holds": _governed("add_hold"),
    "/analytics/governance/holds/{number}/release": _governed("release_hold"),
    "/analytics/governance/proposals/{number}/consent": _governed("consent_to_proposal"),
    "/analytics/governance/proposals/{number}/refuse": _governed("refuse_proposal"),
}
_EVEN_OWN: Final = ("/governance/", "/analytics/governance")
"""Recorded whoever's rows were read."""
_HANDED_OUT: Final = ("access", "portability")
"""Kinds of requests that are answered with all that is held."""
_NO_READS: Final = frozenset({"/openapi.json", "/metrics", "/system", "/analytics/audit"})
_SESSIONS: Final = frozenset({"/session", "/analytics/sign-in", "/analytics/sign-out"})
"""Recorded whoever signs in or out; to ask who is signed in is no read."""
_OF_ONE_ADDRESS: Final = (1 / 60, 5)
"""Refused attempts to sign in that are recorded: a second for long, and in one go."""
_OF_ALL: Final = (1 / 10, 60)
"""As `_OF_ONE_ADDRESS`, of all together: whoever has many addresses must not flood the log either."""
_PAGES: Final = "/analytics"
_SAME_VIEW: Final = 600.0
"""Seconds in which a page that looks for news by itself is the same view."""
_MOST_VIEWS: Final = 10_000


class Recorder(Protocol):
    """Takes note of an answer that the gate has let through; never waits, never raises."""

    def __call__(self, scope: Scope, route: str, caller: Caller | None, status: int) -> None:
        """`route` without the prefix of the API; `caller` is None of who was refused at signing in; `status` of the answer, 101 for a socket."""


class Records:
    """Records through `prelude_otel`, which `set_up` has prepared. A page that one reader looks at for long is recorded now and then,
    and so are attempts to sign in that are refused one after another; how many were left out is said in the next record.
    """

    def __init__(self) -> None:
        self._views: OrderedDict[tuple[Any, ...], float] = OrderedDict()
        self._refused_of = Buckets(*_OF_ONE_ADDRESS)
        self._refused = Buckets(*_OF_ALL)
        self._left_out = 0

    def __call__(self, scope: Scope, route: str, caller: Caller | None, status: int) -> None:
        """Record it, unless nobody else's rows were read."""
        try:
            if caller is None:
                self._record_refused(scope, route, status)
                return
            if route in _SESSIONS:
                _record_session(scope, route, caller, status)
                return
            wanted = route not in _NO_READS and (status < _REFUSED or status in (_FORBIDDEN, BROKEN_OFF))
            if wanted and not self._is_same_view(scope, route, caller, status):
                _record(scope, route, caller, status)
        except Exception:  # noqa: BLE001 (never the reader's problem)
            _log.exception("a read was not recorded")

    def _record_refused(self, scope: Scope, route: str, status: int) -> None:
        """An attempt to sign in that was refused, unless there were many lately."""
        place = place_of(_client(scope) or "")
        if self._refused_of.wait(place) or self._refused.wait(""):
            self._left_out += 1
            return
        self._refused_of.take(place)
        self._refused.take("")
        if self._left_out:
            describe(scope, left_out=self._left_out)
            self._left_out = 0
        _emit(scope, _key(scope, route), None, {}, status)

    def _is_same_view(self, scope: Scope, route: str, caller: Caller, status: int) -> bool:
        """Whether a page was recorded a moment ago for the same reader: each record is a new row, and so news to the page itself."""
        if not route.startswith(_PAGES) or scope.get("method") != "GET":
            return False
        view = (caller.token_id, caller.session_id, scope["path"], scope["query_string"], status >= _REFUSED)
        now = monotonic()
        if now - self._views.get(view, -_SAME_VIEW) < _SAME_VIEW:
            return True
        self._views[view] = now
        self._views.move_to_end(view)
        if len(self._views) > _MOST_VIEWS:
            self._views.popitem(last=False)
        return False


def set_up() -> None:
    """Start recording in this process; where to is told by ``OTEL_EXPORTER_OTLP_*``, as for every service.

    Without the application: its server spans would carry what is asked for to wherever traces go.

    Raises:
        ConfigurationError: a setting of `prelude_otel` is wrong.
    """
    prelude_otel.instrument(service_name=SERVICE_NAME)


def describe(scope: Scope, **what: Any) -> None:
    """Say what a request asked for that its address does not tell, e.g. the steps of a funnel."""
    scope.setdefault(_MORE, {}).update(what)


def _record_session(scope: Scope, route: str, caller: Caller, status: int) -> None:
    began = _key(scope, route) in _KINDS and status < _REFUSED
    if began and (caller.session_id is not None or _KINDS[_key(scope, route)].name == "sign_in"):
        _emit(scope, _key(scope, route), caller, {}, None)


def _record(scope: Scope, route: str, caller: Caller, status: int) -> None:
    asked = [*parse_qsl(scope["query_string"].decode("latin-1")), *scope.get("path_params", {}).items()]
    filters = {
        masked(str(name))[:_LONGEST]: masked(str(value))[:_LONGEST]
        for name, value in asked[:_MOST_FILTERS]
        if name not in _NO_FILTERS
    }
    refused = status if status >= _REFUSED else None
    if refused is None and not route.startswith(_EVEN_OWN) and _own(caller, filters.get("user_email")):
        return
    _emit(scope, _key(scope, route), caller, filters, refused)


def _key(scope: Scope, route: str) -> str:
    """Under which the table has a route: some by their method, too."""
    changing = f"{scope.get('method')} {route}"
    if changing in _KINDS:
        return changing
    if route.endswith("/carry-out") and scope.get(_MORE, {}).get("kind") in _HANDED_OUT:
        return "/governance/export"
    return route


def _emit(scope: Scope, route: str, caller: Caller | None, filters: dict[str, Any], refused: int | None) -> None:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    data: dict[str, Any] = {"route": route}
    if caller is not None:
        data |= {"role": caller.role, "token_id": caller.token_id}
    if filters:
        data["filters"] = filters
    if scope.get(_MORE):
        data["what"] = scope[_MORE]
    prelude_otel.emit(
        _KINDS.get(route, _OTHER),
        status="success" if refused is None else "error",
        error_type=None if refused is None else str(refused),
        user_email=None if caller is None else caller.acting,
        client_address=_client(scope),
        user_agent=headers.get(b"user-agent"),
        data=data,
    )


def _client(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _own(caller: Caller, asked: str | None) -> bool:
    """Whether only rows of the caller can have been read."""
    if caller.role == "self":
        return True
    return bool(asked and caller.user_email and normalise_email(asked) == caller.user_email)
