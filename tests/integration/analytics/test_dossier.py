"""A person's own data over HTTP: for that person, and for who governs; each such export is an activity itself."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from prelude_analytics.access.audit import Records
from prelude_analytics.governing import dossiers
from prelude_otel.testing import capture_activities
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, running_analytics
from tests.support.rows import make_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.analytics import Analytics
    from tests.support.postgres import TestServer


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    database = postgres.create_database()
    writer = Writer(database)
    naming = make_row(user_email=BOB, action_name="send_email", action_data=json.dumps({"to_email": ADA}))
    writer.write(Batch(rows=[make_row(user_email=ADA), make_row(user_email=BOB), naming]))
    writer.close()
    with running_analytics(database, Records()) as running:
        yield running
    postgres.drop_database(database)


def lines(content: bytes, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in zipfile.ZipFile(io.BytesIO(content)).read(f"{name}.ndjson").splitlines()]


@pytest.mark.parametrize(("role", "asked"), [("self", None), ("self", " ADA@company.com"), ("govern", ADA)])
def test_all_that_is_held_comes_as_a_zip(service: Analytics, role: Any, asked: str | None) -> None:
    with service.signed(role) as client:
        answer = client.get("/governance/export", params={} if asked is None else {"user_email": asked})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert [row["user_email"] for row in lines(answer.content, "activities")] == [ADA]
    assert [row["user_email"] for row in lines(answer.content, "named")] == ["[another person]"]


def test_the_others_are_shown_to_who_governs_alone(service: Analytics) -> None:
    asked = {"user_email": ADA, "with_others": "true"}
    with service.signed("govern") as client:
        shown = client.get("/governance/export", params=asked)
        assert [row["user_email"] for row in lines(shown.content, "named")] == [BOB]
    with service.signed("self") as client:
        assert client.get("/governance/export", params=asked).status_code == 403


@pytest.mark.parametrize(
    ("role", "asked", "status"),
    [
        ("self", BOB, 403), ("all", ADA, 403), ("govern", None, 422), ("govern", "@x.com", 422), ("govern", "nobody", 404), ("govern", "eve@company.com", 404),
    ],
)  # fmt: skip
def test_others_are_refused_and_told_why(service: Analytics, role: Any, asked: str | None, status: int) -> None:
    with service.signed(role) as client:
        answer = client.get("/governance/export", params={} if asked is None else {"user_email": asked})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ["self", "govern"])
def test_each_export_is_an_activity_even_of_oneself(service: Analytics, role: Any) -> None:
    with capture_activities() as activities, service.signed(role, ADA) as client:
        client.get("/governance/export", params={"user_email": ADA})
    (recorded,) = activities
    assert (recorded.action_type, recorded.action_name, recorded.result_status) == (
        "export",
        "export_person",
        "success",
    )


def test_only_so_many_are_made_at_once(service: Analytics) -> None:
    for _ in range(dossiers.AT_ONCE):
        dossiers.free.acquire()
    try:
        with service.signed("govern") as client:
            assert client.get("/governance/export", params={"user_email": ADA}).status_code == 429
    finally:
        for _ in range(dossiers.AT_ONCE):
            dossiers.free.release()
    with service.signed("govern") as client:
        for _ in range(2 * dossiers.AT_ONCE):
            assert client.get("/governance/export", params={"user_email": "eve@company.com"}).status_code == 404
