"""The rows of the log that the timeline is made of, as SQL: what is counted, and in which order."""

from __future__ import annotations

from typing import Final

__all__ = ["COUNTED", "SERVICE", "STATUS_CODE"]

# A partial index on completes_event_id answers it; pending rows are few.
COUNTED: Final = """(log.result_status <> 'pending' OR NOT EXISTS (
    SELECT FROM public.user_activity_logs AS completing WHERE completing.completes_event_id = log.event_id
        AND completing.event_id <> log.event_id))"""
"""A pending row that another one completes is not counted; the other is."""

SERVICE: Final = (
    "CASE WHEN octet_length(log.service_name) > 256 THEN public.prelude_key(log.service_name) ELSE log.service_name END"
)
"""The name of a service, short enough for an index."""

STATUS_CODE: Final = "CASE log.result_status WHEN 'success' THEN 0 WHEN 'error' THEN 1 WHEN 'pending' THEN 2 ELSE 3 END"
"""The status as its place in `columns.STATUSES`."""
