"""The reference's loggers, with its signatures: old call sites change one import.

::

    from prelude_otel.compat import UserActivityLogger      # was: prelude_user_settings.user_activity_logger
    from prelude_otel.compat import crm_activity_logger     # was: utils.activity_logger

Calls return at once and never raise. Where nobody has called `prelude_otel.instrument`, the first call does, with the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prelude_otel import problems, state
from prelude_otel.catalogue import Activity
from prelude_otel.contract.vocabulary import SUCCESS
from prelude_otel.recording import emit
from prelude_otel.setup import instrument

__all__ = ["CRMActivityLogger", "UserActivityLogger", "crm_activity_logger"]

_MAX_AD_HOC = 1024
_NO_NAME = re.compile(r"[^a-z0-9]+")
_ad_hoc: dict[tuple[str, str, str | None, str | None], Activity] = {}

Id = int | str


class UserActivityLogger:
    """Logs any action, known to the catalogue or not.

    Arguments of the old constructor (database settings) are accepted and not used: services know only an OTLP endpoint.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def log_activity(
        self,
        user_email: str | None,
        action_type: str,
        action_name: str,
        action_category: str | None = None,
        session_id: str | None = None,
        page_url: str | None = None,
        service_name: str | None = None,
        user_agent: str | None = None,
        ip_address: str | None = None,
        action_data: Mapping[str, Any] | None = None,
        result_status: str = SUCCESS,
        result_data: Mapping[str, Any] | None = None,
        duration_ms: float | None = None,
        tags: Sequence[str] | None = None,
        entity_type: str | None = None,
        entity_id: Id | None = None,
    ) -> bool:
        """Log one action, with any column of the reference's table.

        Args:
            user_email: who.
            action_type: one of the eleven action types.
            action_name: in lower snake case.
            action_category: optional sub-category.
            session_id: id of the session.
            page_url: the page.
            service_name: the service is the one that this process is instrumented as; another name is noted in the log.
            user_agent: the client.
            ip_address: its address.
            action_data: data of the action.
            result_status: success, error, pending or timeout.
            result_data: data of the result.
            duration_ms: how long it took, in milliseconds.
            tags: searchable tags.
            entity_type: what the action is about.
            entity_id: its id.

        Returns:
            True where the activity is on its way; False is explained in the log.
        """
        try:
            _ensure_instrumented(service_name)
            kind = _kind(action_type, action_name, action_category, entity_type)
            event_id = emit(
                kind,
                user_email=user_email,
                session_id=session_id,
                page_url=page_url,
                user_agent=user_agent,
                client_address=ip_address,
                status=result_status,
                duration_ms=duration_ms,
                tags=tuple(tags or ()),
                result=result_data,
                entity_id=entity_id,
                data=action_data,
            )
        except Exception as error:  # noqa: BLE001 (never the caller's problem)
            problems.report("log_activity", error)
            return False
        return event_id is not None


class CRMActivityLogger(UserActivityLogger):
    """One method for each of the eighteen activities of the reference.

    Named after the reference's three: the action's name with its verb at the end (``create_deal``: `log_deal_create`). `extra`
    takes what `UserActivityLogger.log_activity` takes: ``result_status``, ``duration_ms``, ``ip_address`` and so on.
    """

    # 1. Customer operations

    def log_customers_list_view(
        self, user_email: str, customer_count: int | None = None, session_id: str | None = None, **extra: Any
    ) -> bool:
        """1.1 `view_customers_list`."""
        return self._log("view_customers_list", user_email, session_id, extra, customer_count=customer_count)

    def log_customer_view(self, user_email: str, customer_id: Id, session_id: str | None = None, **extra: Any) -> bool:
        """1.2 `view_customer`."""
        return self._log("view_customer", user_email, session_id, extra, customer_id=customer_id)

    def log_customers_search(
        self,
        user_email: str,
        search_query: str,
        results_count: int | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """1.3 `search_customers`."""
        return self._log(
            "search_customers", user_email, session_id, extra, search_query=search_query, results_count=results_count
        )

    # 2. Deal operations

    def log_deals_list_view(
        self, user_email: str, deal_count: int | None = None, session_id: str | None = None, **extra: Any
    ) -> bool:
        """2.1 `view_deals_list`."""
        return self._log("view_deals_list", user_email, session_id, extra, deal_count=deal_count)

    def log_deal_view(
        self,
        user_email: str,
        deal_id: Id,
        customer_id: Id | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.2 `view_deal`."""
        return self._log("view_deal", user_email, session_id, extra, deal_id=deal_id, customer_id=customer_id)

    def log_deal_create(
        self,
        user_email: str,
        deal_id: Id,
        deal_name: str | None = None,
        value_usd: float | None = None,
        client_id: Id | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.3 `create_deal`."""
        return self._log(
            "create_deal",
            user_email,
            session_id,
            extra,
            deal_id=deal_id,
            deal_name=deal_name,
            value_usd=value_usd,
            client_id=client_id,
        )

    def log_deal_update(
        self,
        user_email: str,
        deal_id: Id,
        updated_fields: Mapping[str, Any] | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.4 `update_deal`."""
        return self._log("update_deal", user_email, session_id, extra, deal_id=deal_id, updated_fields=updated_fields)

    def log_deal_delete(self, user_email: str, deal_id: Id, session_id: str | None = None, **extra: Any) -> bool:
        """2.5 `delete_deal`."""
        return self._log("delete_deal", user_email, session_id, extra, deal_id=deal_id)

    def log_deal_note_create(
        self, user_email: str, deal_id: Id, note_id: Id | None = None, session_id: str | None = None, **extra: Any
    ) -> bool:
        """2.6 `create_deal_note`."""
        return self._log("create_deal_note", user_email, session_id, extra, deal_id=deal_id, note_id=note_id)

    def log_deal_note_delete(
        self, user_email: str, deal_id: Id, note_id: Id | None = None, session_id: str | None = None, **extra: Any
    ) -> bool:
        """2.7 `delete_deal_note`."""
        return self._log("delete_deal_note", user_email, session_id, extra, deal_id=deal_id, note_id=note_id)

    def log_deal_call_summary_create(
        self,
        user_email: str,
        deal_id: Id,
        interaction_id: Id | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.8 `create_deal_call_summary`."""
        return self._log(
            "create_deal_call_summary", user_email, session_id, extra, deal_id=deal_id, interaction_id=interaction_id
        )

    def log_deal_call_summary_delete(
        self,
        user_email: str,
        deal_id: Id,
        interaction_id: Id | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.9 `delete_deal_call_summary`."""
        return self._log(
            "delete_deal_call_summary", user_email, session_id, extra, deal_id=deal_id, interaction_id=interaction_id
        )

    def log_deal_meeting_create(
        self,
        user_email: str,
        deal_id: Id,
        interaction_id: Id | None = None,
        meeting_title: str | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.10 `create_deal_meeting`."""
        return self._log(
            "create_deal_meeting",
            user_email,
            session_id,
            extra,
            deal_id=deal_id,
            interaction_id=interaction_id,
            meeting_title=meeting_title,
        )

    def log_deal_activities_view(
        self,
        user_email: str,
        deal_id: Id,
        activities_count: int | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """2.11 `view_deal_activities`."""
        return self._log(
            "view_deal_activities", user_email, session_id, extra, deal_id=deal_id, activities_count=activities_count
        )

    # 3. Email operations

    def log_email_generate(
        self,
        user_email: str,
        customer_id: Id | None = None,
        email_type: str | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """3.1 `generate_email`."""
        return self._log(
            "generate_email", user_email, session_id, extra, customer_id=customer_id, email_type=email_type
        )

    def log_email_send(
        self,
        user_email: str,
        to_email: str,
        subject: str | None = None,
        customer_id: Id | None = None,
        deal_id: Id | None = None,
        method: str | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """3.2 `send_email`; `method` is gmail_api_v2, outlook_api_v2 or smtp (gmail_api and outlook_api are understood)."""
        return self._log(
            "send_email",
            user_email,
            session_id,
            extra,
            to_email=to_email,
            subject=subject,
            customer_id=customer_id,
            deal_id=deal_id,
            method=method,
        )

    # 4. Interaction summary operations

    def log_interaction_summary_generate(
        self,
        user_email: str,
        customer_id: Id,
        days_back: int | None = None,
        agent_used: str | None = None,
        interactions_analyzed: int | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """4.1 `generate_interaction_summary`."""
        return self._log(
            "generate_interaction_summary",
            user_email,
            session_id,
            extra,
            customer_id=customer_id,
            days_back=days_back,
            agent_used=agent_used,
            interactions_analyzed=interactions_analyzed,
        )

    def log_interaction_summary_view(
        self,
        user_email: str,
        customer_id: Id,
        from_cache: bool | None = None,
        session_id: str | None = None,
        **extra: Any,
    ) -> bool:
        """4.2 `view_interaction_summary`."""
        return self._log(
            "view_interaction_summary", user_email, session_id, extra, customer_id=customer_id, from_cache=from_cache
        )

    def _log(self, name: str, user_email: str, session_id: str | None, extra: Mapping[str, Any], **fields: Any) -> bool:
        try:
            given = dict(extra)
            further = given.pop("action_data", None)
            data = fields if further is None else {**fields, **further}
            return self.log_activity(user_email, "crm", name, session_id=session_id, action_data=data, **given)
        except Exception as error:  # noqa: BLE001 (never the caller's problem)
            problems.report(f"crm_activity_logger, {name}", error)
            return False


crm_activity_logger = CRMActivityLogger()


def _ensure_instrumented(service_name: str | None) -> None:
    runtime = state.runtime
    if runtime is None:
        with state.lock:
            if state.runtime is None:
                instrument(service_name=service_name)
                _mark_implicit()
    elif service_name is not None and runtime.settings.service_name not in (None, service_name):
        problems.once(
            f"service {service_name}",
            f"log_activity(service_name={service_name!r}) from a process that is instrumented as "
            f"{runtime.settings.service_name!r}; its rows carry the latter",
        )


def _mark_implicit() -> None:
    if state.runtime is not None:
        state.runtime.implicit = True


def _kind(type_: str, name: str, category: str | None, entity: str | None) -> Activity:
    known = state.runtime.catalogue.get(f"{type_}.{name}") if state.runtime is not None else None
    if known is not None:
        return known
    key = (type_, name, category, entity)
    kind = _ad_hoc.get(key)
    if kind is None:
        snake = _NO_NAME.sub("_", name.lower()).strip("_")  # "Custom-Action" of an old call site must not be lost
        kind = Activity(type=type_, name=snake, category=category, entity=entity)
        if len(_ad_hoc) < _MAX_AD_HOC:
            _ad_hoc[key] = kind
    return kind
