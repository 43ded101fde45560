"""A dashboard with a believable past behind it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from prelude_store.rollups.rebuild import rebuild
from prelude_store.seed.load import load
from prelude_store.seed.plan import past
from prelude_store.timeline.build import build_all
from prelude_store.writer import Batch, Writer
from tests.support.analytics import running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prelude_analytics.access import Role
    from prelude_store.row import ActivityRow
    from tests.support.analytics import Analytics
    from tests.support.postgres import TestServer

__all__ = ["TRACES", "hostile_rows", "running_dashboard", "signed_in"]

ROWS = 20_000
TRACES = "https://tempo.example/trace/{trace_id}"


def hostile_rows() -> list[ActivityRow]:
    """Rows of the last minutes, so on any first page, with texts that break pages which take them for anything but text, in every field that has one."""
    texts = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eereh sevil eh", "l" * 10_000)
    fields = ("session_id", "action_name", "entity_type", "entity_id", "page_url", "page_route", "service_name")
    return [
        make_row(
            timestamp_us=now_us() - (number + 3 * place) * 30_000_000,
            user_email=f"{text}@company.com",
            result_status=status,
            user_agent=text,
            action_data=json.dumps({text: text, "customer_id": text}),
            result_data=json.dumps({"error_type": text}),
            tags=(text,),
            **dict.fromkeys(fields, text),
        )
        for place, text in enumerate(texts)
        for number, status in enumerate(("success", "error", "success"), 1)
    ]


@contextmanager
def running_dashboard(postgres: TestServer, rows: int = ROWS, also: Sequence[ActivityRow] = ()) -> Iterator[Analytics]:
    """The service, with `rows` made-up rows of the last 30 days, those of `also`, and all figures of them; without rows, an empty one."""
    database = postgres.create_database()
    try:
        if rows:
            made = past(rows, 30, datetime.now(UTC) - timedelta(minutes=2), "dashboard")
            for _ in load(as_role(database, "writer"), made, 1):
                pass
        if also:
            writer = Writer(as_role(database, "writer"))
            assert writer.write(Batch(rows=list(also))).inserted == len(also)
            writer.close()
        if rows or also:
            rebuild(database)
            build_all(database)
        with running_analytics(database, requests_per_second=0, trace_url=TRACES) as service:
            yield service
    finally:
        postgres.drop_database(database)


@contextmanager
def signed_in(service: Analytics, role: Role = "all", user: str | None = None) -> Iterator[httpx.Client]:
    """A client with the cookie of a new session; its addresses begin with ``/analytics``."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=20, headers={"origin": service.url}) as client:
        token = service.token(role, user).token
        answer = client.post("/analytics/sign-in", data={"token": token})
        assert answer.status_code == 303, answer.text
        yield client
