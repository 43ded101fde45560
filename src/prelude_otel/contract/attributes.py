"""Names of the attributes that an activity's event carries.

Names without the prefix ``prelude.`` are OpenTelemetry's own (Semantic Conventions 1.37: user, session, client, user-agent,
error, http, log.record).
"""

from __future__ import annotations

from typing import Final

EVENT_PREFIX: Final = "prelude."
"""EventName of an activity is ``prelude.<type>.<name>``; the span of an activity of ours has the same name."""

LOG_RECORD_UID: Final = "log.record.uid"
USER_EMAIL: Final = "user.email"
SESSION_ID: Final = "session.id"
CLIENT_ADDRESS: Final = "client.address"
USER_AGENT: Final = "user_agent.original"
ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"

ACTION_TYPE: Final = "prelude.action.type"
ACTION_NAME: Final = "prelude.action.name"
ACTION_CATEGORY: Final = "prelude.action.category"
ACTION_DATA: Final = "prelude.action.data"
ENTITY_TYPE: Final = "prelude.entity.type"
ENTITY_ID: Final = "prelude.entity.id"
PAGE_URL: Final = "prelude.page.url"
PAGE_ROUTE: Final = "prelude.page.route"
RESULT_STATUS: Final = "prelude.result.status"
RESULT_DATA: Final = "prelude.result.data"
TAGS: Final = "prelude.tags"
COMPLETES: Final = "prelude.completes"
"""The event id of the pending activity that this one ends."""
PERSONAL: Final = "prelude.personal"
"""Paths of personal fields, e.g. ``action_data.to_email``, where the exporter's catalogue may not know the activity."""
HANDLER_RAN: Final = "prelude.handler.ran"
"""False on an attempt that was refused before the handler ran."""

SPAN_DURATION_NS: Final = "prelude.span.duration_ns"
"""Length of the activity's span in nanoseconds, measured by the emitter; the exporter need not wait for the span."""
SPAN_JOIN: Final = "prelude.span.join"
"""False says that there is no span to wait for: a fact without duration."""
SPAN_MEASURED: Final = "prelude.span.measured"
"""On a span, or on the instrumentation scope of spans: records carry the length already; the exporter keeps nothing of these."""

PROBE_EVENT: Final = "prelude.probe"
"""EventName of the marked record of ``prelude doctor``; lands in ``activity_probes``, never in the log."""
PROBE_ID: Final = "prelude.probe.id"

REJECTED_FIELDS: Final = "rejected_fields"
"""Key in ``result_data`` under which values are kept that do not fit their declared type."""
RESULT_ERROR_TYPE: Final = "error_type"
"""Key in ``result_data`` that ``error.type`` lands under."""
RESULT_HTTP_STATUS: Final = "http_status"
"""Key in ``result_data`` that ``http.response.status_code`` lands under."""
RESULT_HANDLER_RAN: Final = "handler_ran"
"""Key in ``result_data`` that ``prelude.handler.ran`` lands under, when false."""
