"""Whoever is let in for long is put out as soon as the credential ends."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from prelude_store.writer import Batch, Writer
from tests.support.analytics import running_analytics
from tests.support.live import listening
from tests.support.rows import make_row

LIVE = "/api/analytics/live"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_socket_and_an_export_under_way_end_when_their_token_is_revoked(database: str, writer: Writer) -> None:
    rows = [make_row(action_data=f'{{"text":"{"x" * 8_000}"}}') for _ in range(2_500)]
    writer.write(Batch(rows=rows))
    with running_analytics(database) as service:
        token = service.token("all")
        with (
            listening(service.url, path=LIVE, headers=bearer(token.token)) as listener,
            service.client.stream("GET", "/export.ndjson", headers=bearer(token.token)) as export,
        ):
            parts = export.iter_raw()
            received = [len(next(parts))]
            service.revoke(token)
            assert listener.until_closed()[0] == 4401
            with pytest.raises(httpx.RemoteProtocolError):
                received.extend(len(part) for part in parts)
        assert 0 < sum(received) < 2_500 * 8_000
        refused = service.client.get("/activities", headers=bearer(token.token))
        assert (refused.status_code, refused.json()["reason"]) == (401, "revoked")


def test_a_socket_ends_when_its_token_expires(database: str) -> None:
    with running_analytics(database) as service:
        token = service.token("all", valid_for=timedelta(seconds=1))
        with listening(service.url, path=LIVE, headers=bearer(token.token)) as listener:
            assert listener.until_closed()[0] == 4401
        refused = service.client.get("/activities", headers=bearer(token.token))
        assert (refused.status_code, refused.json()["reason"]) == (401, "expired")
