"""An activity of our own, beside the eighteen that prelude-otel knows."""

from __future__ import annotations

from prelude_otel import Field, declare

DELETE_DEAL_MEETING = declare(
    "crm.delete_deal_meeting",
    category="deal",
    entity="interaction",
    entity_id="interaction_id",
    page="/crm/deals/{deal_id}/activities",
    fields={"deal_id": "id", "type": Field(constant="meeting")},
)
