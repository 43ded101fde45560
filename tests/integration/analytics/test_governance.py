"""Governance by the API: requests with deadlines, policies, holds, consent of a second one, receipts; and what the log says of it all."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from prelude_analytics.access.audit import Records
from prelude_otel.testing import capture_activities
from prelude_store.erasure import receipts
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

EVE = "eve@company.com"


@pytest.fixture
def service(database: str, writer: Writer) -> Iterator[Analytics]:
    written(writer)
    with running_analytics(database) as running:
        yield running


@pytest.fixture
def strict(database: str, writer: Writer) -> Iterator[Analytics]:
    """With four eyes."""
    written(writer)
    with running_analytics(database, four_eyes=True) as running:
        yield running


def written(writer: Writer) -> None:
    old = now_us() - 400 * 86_400_000_000
    rows = [make_row(user_email=ADA, timestamp_us=now_us() - 1000 * n) for n in range(20)]
    rows += [make_row(user_email=BOB, action_data=json.dumps({"to": ADA})), make_row(user_email=BOB, timestamp_us=old)]
    writer.write(Batch(rows=rows))


@pytest.fixture
def govern(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed("govern") as client:
        yield client


def opened(client: httpx.Client, kind: str = "erasure", user: str = ADA, **also: Any) -> dict[str, Any]:
    answer = client.post("/governance/requests", json={"kind": kind, "user_email": user, **also})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(client: httpx.Client, number: int) -> dict[str, Any]:
    """The request, once nobody is at work at it."""
    for _ in range(600):
        found: dict[str, Any] = client.get(f"/governance/requests/{number}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def everything(service: Analytics) -> str:
    """All tables of governance, as text."""
    tables = ("governance_requests", "governance_proposals", "governance_receipts", "governance_acts", "legal_holds")
    with psycopg.connect(service.database) as connection:
        return "".join(
            str(connection.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t".encode()).fetchall())
            for table in tables
        )


def test_a_request_is_due_a_month_later_and_at_most_three(govern: httpx.Client) -> None:
    found = opened(govern, received_at="2026-08-31T10:00:00Z")
    assert found["due_at"] == "2026-09-30T10:00:00Z"
    assert found["days_left"] < 0 or datetime.now(UTC) < datetime(2026, 9, 30, 10, tzinfo=UTC)
    path = f"/governance/requests/{found['id']}/extend"
    assert govern.post(path, json={"months": 3, "reason": "complex"}).status_code == 422
    assert govern.post(path, json={"months": 2}).json()["parameter"] == "reason"
    longer = govern.post(path, json={"months": 2, "reason": f"{ADA} asks for much"}).json()
    assert (longer["due_at"], longer["extended_by"]) == ("2026-11-30T10:00:00Z", 2)
    assert longer["extension_reason"] == "[the person] asks for much"
    assert govern.post(path, json={"months": 1, "reason": "again"}).status_code == 409


def test_what_is_due_first_comes_first_and_pages_have_no_gap(govern: httpx.Client) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((3, 25, 10, 40, 18)):
        opened(govern, user=f"user{number}@company.com", received_at=(now - timedelta(days=days)).isoformat())
    listed, cursor = [], None
    while True:
        page = govern.get("/governance/requests", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        listed += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [one["user_email"] for one in listed] == [f"user{number}@company.com" for number in (3, 1, 4, 2, 0)]
    shown = govern.get("/governance/state").json()
    assert (shown["open_requests"], shown["overdue_requests"]) == (5, 1)


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"kind": "erasure", "user_email": "nobody@"}, 422, "no address of a person"),
        ({"kind": "rename", "user_email": ADA}, 409, "needs the new one"),
        ({"kind": "rename", "user_email": ADA, "new_user_email": ADA.upper()}, 409, "is the address already"),
        ({"kind": "access", "user_email": ADA, "new_user_email": BOB}, 409, "nothing else does"),
        ({"kind": "forgetting", "user_email": ADA}, 422, "kind"),
        ({"kind": "access", "user_email": ADA, "received_at": "2199-01-01T00:00:00Z"}, 409, "has not come yet"),
        ({"kind": "access", "user_email": ADA, "received_at": "2026-01-01T00:00:00"}, 422, "received_at"),
        ({"kind": "access", "user_email": ADA, "note": "a\x00b"}, 422, "without NUL"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(
    govern: httpx.Client, sent: dict[str, Any], status: int, said: str
) -> None:
    answer = govern.post("/governance/requests", json=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert govern.get("/governance/requests").json()["items"] == []


def test_the_same_request_is_open_once(govern: httpx.Client) -> None:
    found = opened(govern)
    again = govern.post("/governance/requests", json={"kind": "erasure", "user_email": ADA.upper()})
    assert again.status_code == 409
    assert f"number {found['id']}" in again.json()["detail"]
    opened(govern, "access")


def test_an_erasure_is_carried_out_once_the_address_was_typed(service: Analytics, govern: httpx.Client) -> None:
    found = opened(govern, note="wrote on paper")
    path = f"/governance/requests/{found['id']}/carry-out"
    for wrong, status in ((BOB, 409), ("nobody", 409), ("@x.com", 422)):
        refused = govern.post(path, json={"user_email": wrong})
        assert refused.status_code == status
        assert "nothing was done" in refused.json()["detail"] or status == 422
    begun = govern.post(path, json={"user_email": f" {ADA.upper()} "})
    assert (begun.status_code, begun.json()) == (202, {"done": False, "hold": None, "proposal": None})
    done = ended(govern, found["id"])
    assert (done["state"], done["user_email"], done["note"], done["outcome"]) == ("done", None, None, None)
    with psycopg.connect(service.database) as connection:
        rows = connection.execute("SELECT count(*) FROM user_activity_logs WHERE user_email = %s", [ADA]).fetchone()
    assert rows == (0,)
    kept = govern.get(f"/governance/receipts/{done['receipt']}").json()
    assert kept["receipt"]["counts"]["rows"] == 20
    assert kept["receipt"]["left"] == []
    assert ADA not in everything(service)
    assert govern.post(path, json={"user_email": ADA}).status_code == 409
    assert [one["id"] for one in govern.get("/governance/requests?state=closed").json()["items"]] == [found["id"]]


def test_a_kept_receipt_is_what_replay_reads(service: Analytics, govern: httpx.Client, tmp_path: Any) -> None:
    found = opened(govern)
    govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
    number = ended(govern, found["id"])["receipt"]
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(govern.get(f"/governance/receipts/{number}").json()["receipt"]), "utf-8")
    assert receipts.read(file).person.hex() == found["person"]


def test_a_change_of_address_is_carried_out_and_the_requests_that_are_open_follow(govern: httpx.Client) -> None:
    other = opened(govern, "access")
    found = opened(govern, "rename", new_user_email=EVE)
    govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
    assert ended(govern, found["id"])["state"] == "done"
    moved = govern.get(f"/governance/requests/{other['id']}").json()
    assert moved["user_email"] == EVE
    assert moved["person"] != found["person"]
    assert govern.get("/activities", params={"user_email": EVE}).json()["totals"]["count"] == 20


def test_what_is_held_stays_and_the_request_says_why(service: Analytics, govern: httpx.Client) -> None:
    held = govern.post("/governance/holds", json={"user_email": ADA, "reason": "case 7"}).json()
    found = opened(govern)
    govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
    stays = ended(govern, found["id"])
    assert (stays["state"], stays["user_email"]) == ("open", ADA)
    assert stays["failure"].startswith(f"nothing was erased: [the person] is under legal hold {held['hold']}")
    refused = govern.post(f"/governance/requests/{found['id']}/close", json={"outcome": "refused"})
    assert "Article 12(4)" in refused.json()["detail"]
    closed = govern.post(
        f"/governance/requests/{found['id']}/close", json={"outcome": "refused", "reason": "Article 17(3)(e), case 7"}
    ).json()
    assert (closed["state"], closed["outcome"], closed["user_email"]) == ("refused", "Article 17(3)(e), case 7", None)
    assert ADA not in everything(service)


def test_an_interrupted_erasure_is_gone_on_with(service: Analytics, govern: httpx.Client) -> None:
    found = opened(govern)
    with psycopg.connect(service.database) as connection:  # as kill -9 leaves it
        connection.execute("UPDATE governance_requests SET state = 'running', email = NULL")
    path = f"/governance/requests/{found['id']}"
    assert "carry it out to its end" in govern.post(f"{path}/close", json={"outcome": "done"}).json()["detail"]
    assert govern.post(f"{path}/carry-out", json={"user_email": BOB}).status_code == 409
    assert govern.post(f"{path}/carry-out", json={"user_email": ADA}).status_code == 202
    assert ended(govern, found["id"])["state"] == "done"


def test_two_erasures_are_not_under_way_at_once(service: Analytics, govern: httpx.Client) -> None:
    from prelude_store.erasure.carry_out import ALONE

    found = opened(govern)
    with psycopg.connect(as_role(service.database, "governor"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [ALONE])
        answer = govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
    assert (answer.status_code, "under way" in answer.json()["detail"]) == (409, True)
    assert govern.get(f"/governance/requests/{found['id']}").json()["state"] == "open"


def test_while_it_is_carried_out_the_request_says_how_far_it_is_and_is_left_alone(
    service: Analytics, govern: httpx.Client
) -> None:
    from prelude_store.governance.changes import SEAL_LOCK

    found = opened(govern)
    path = f"/governance/requests/{found['id']}"
    with psycopg.connect(service.database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [SEAL_LOCK])  # who changes rows waits for it
        assert govern.post(f"{path}/carry-out", json={"user_email": ADA}).status_code == 202
        for _ in range(600):
            shown = govern.get(path).json()
            if shown["progress"]["what"] == "what the person did":
                break
            time.sleep(0.05)
        assert (shown["state"], shown["user_email"]) == ("running", None)
        assert shown["progress"] == {"what": "what the person did", "done": 0, "of": 20}
        assert ADA not in everything(service)
        again = govern.post(f"{path}/carry-out", json={"user_email": ADA})
        assert (again.status_code, "under way" in again.json()["detail"]) == (409, True)
        assert govern.post(f"{path}/close", json={"outcome": "done"}).status_code == 409
        assert govern.get("/governance/state").status_code == 200  # others are served meanwhile
    done = ended(govern, found["id"])
    assert (done["state"], done["progress"]) == ("done", None)


def test_an_access_is_answered_with_a_zip_and_then_it_is_done(service: Analytics, govern: httpx.Client) -> None:
    import hashlib

    found = opened(govern, "access")
    answer = govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("activities.ndjson").count(b"\n") == 20
    done = ended(govern, found["id"])
    assert (done["state"], done["user_email"]) == ("done", None)
    kept = govern.get(f"/governance/receipts/{done['receipt']}").json()["receipt"]
    assert (kept["sha256"], kept["bytes"]) == (hashlib.sha256(answer.content).hexdigest(), len(answer.content))
    assert kept["rows"]["activities"] == 20
    assert ADA not in everything(service)


def test_where_nothing_is_held_the_request_stays_open_and_says_so(govern: httpx.Client) -> None:
    found = opened(govern, "access", EVE)
    assert govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": EVE}).status_code == 404
    stays = ended(govern, found["id"])
    assert (stays["state"], stays["failure"]) == ("open", "nothing is held on [the person]")


def test_what_nothing_carries_out_by_itself_is_closed_by_hand(govern: httpx.Client) -> None:
    found = opened(govern, "rectification")
    path = f"/governance/requests/{found['id']}"
    assert "close the request" in govern.post(f"{path}/carry-out", json={"user_email": ADA}).json()["detail"]
    assert (
        govern.post(f"{path}/close", json={"outcome": "done", "reason": "put right in the CRM"}).json()["state"]
        == "done"
    )


def test_policies_are_set_planned_and_removed(service: Analytics, govern: httpx.Client) -> None:
    assert govern.put("/governance/policies", json={"keep": "30d"}).json()["done"]
    (policy,) = govern.get("/governance/policies").json()["items"]
    assert (policy["what"], policy["keep"], policy["action_type"]) == ("rows", "30d", None)
    plan = govern.get("/governance/plan").json()
    assert [one["rows"] for one in plan["weeks"]] == [1]
    assert [one["going"] for one in plan["policies"]] == [1]
    for sent, said in (
        ({"keep": "30d"}, "already"),
        ({"keep": "soon"}, "says for how long nothing is kept"),
        ({"keep": "60d", "class": "person"}, "never go"),
        ({"keep": "1y", "action_type": "nothing"}, "there is no action type"),
    ):
        refused = govern.put("/governance/policies", json=sent)
        assert refused.status_code == 409
        assert said in refused.json()["detail"]
    assert govern.delete("/governance/policies", params={"reason": "no more"}).json()["done"]
    assert govern.get("/governance/policies").json()["items"] == []
    acts = govern.get("/governance/acts").json()["items"]
    assert [(one["kind"], one["detail"].get("removed"), one["reason"]) for one in acts] == [
        ("policy", True, "no more"),
        ("policy", None, None),
    ]


def test_holds_are_added_and_released(govern: httpx.Client) -> None:
    assert "everything is no hold" in govern.post("/governance/holds", json={"reason": "all"}).json()["detail"]
    number = govern.post(
        "/governance/holds",
        json={"entity_type": "deal", "entity_id": "789", "since": "2026-01-01T00:00:00Z", "reason": "case 7"},
    ).json()["hold"]
    (hold,) = govern.get("/governance/holds").json()["items"]
    assert (hold["id"], hold["entity_id"], hold["person"]) == (number, "789", None)
    assert govern.delete(f"/governance/holds/{number}").json()["parameter"] == "reason"
    assert govern.delete(f"/governance/holds/{number}", params={"reason": "closed"}).json()["done"]
    assert govern.delete(f"/governance/holds/{number}", params={"reason": "closed"}).status_code == 409
    assert govern.get("/governance/holds").json()["items"] == []
    assert len(govern.get("/governance/holds?all=true").json()["items"]) == 1


def test_with_four_eyes_a_second_one_must_consent(strict: Analytics) -> None:
    with strict.signed("govern") as one, strict.signed("govern") as two:
        proposed = one.put("/governance/policies", json={"keep": "30d", "reason": "less is more"}).json()
        number = proposed["proposal"]["id"]
        assert not proposed["done"]
        assert one.get("/governance/policies").json()["items"] == []
        own = one.post(f"/governance/proposals/{number}/consent")
        assert (own.status_code, "your own" in own.json()["detail"]) == (409, True)
        assert two.post(f"/governance/proposals/{number}/consent").json()["done"]
        assert two.post(f"/governance/proposals/{number}/consent").status_code == 409
        assert [item["keep"] for item in one.get("/governance/policies").json()["items"]] == ["30d"]
        policy, consent, propose, *_ = one.get("/governance/acts").json()["items"]
    assert [act["kind"] for act in (propose, consent, policy)] == ["propose", "consent", "policy"]
    assert consent["detail"]["proposed_by"] == propose["actor"] != consent["detail"]["decided_by"] == consent["actor"]


def test_another_token_of_the_same_person_is_no_second_pair_of_eyes(strict: Analytics) -> None:
    with (
        strict.signed("govern", ADA) as one,
        strict.signed("govern", ADA.upper()) as same,
        strict.signed("govern", BOB) as two,
    ):
        number = one.post("/governance/holds", json={"user_email": EVE, "reason": "case 7"}).json()["proposal"]["id"]
        assert same.post(f"/governance/proposals/{number}/consent").status_code == 409
        assert two.post(f"/governance/proposals/{number}/consent").status_code == 200
        (hold,) = two.get("/governance/holds").json()["items"]
        assert hold["person"]
    assert EVE not in everything(strict)


def test_an_erasure_waits_for_consent_and_then_begins(strict: Analytics) -> None:
    with strict.signed("govern") as one, strict.signed("govern") as two:
        found = opened(one)
        path = f"/governance/requests/{found['id']}/carry-out"
        proposed = one.post(path, json={"user_email": ADA, "reason": f"{ADA} wrote"}).json()["proposal"]
        assert (proposed["request"], proposed["reason"]) == (found["id"], "[the person] wrote")
        assert ADA not in json.dumps(proposed)
        assert one.post(path, json={"user_email": ADA}).status_code == 409
        assert one.get(f"/governance/requests/{found['id']}").json()["state"] == "open"
        two.post(f"/governance/proposals/{proposed['id']}/consent")
        assert ended(two, found["id"])["state"] == "done"
    assert ADA not in everything(strict)


def test_a_proposal_is_refused_withdrawn_or_lapses_and_each_is_an_act(strict: Analytics) -> None:
    with strict.signed("govern") as one, strict.signed("govern") as two:
        numbers = [
            one.put("/governance/policies", json={"keep": keep}).json()["proposal"]["id"]
            for keep in ("30d", "60d", "90d")
        ]
        assert two.post(f"/governance/proposals/{numbers[0]}/refuse", json={"reason": "too short"}).status_code == 204
        assert one.post(f"/governance/proposals/{numbers[1]}/refuse", json={}).status_code == 204
        with psycopg.connect(strict.database) as connection:
            connection.execute("UPDATE governance_proposals SET expires_at = now() WHERE state = 'waiting'")
        late = two.post(f"/governance/proposals/{numbers[2]}/consent")
        assert (late.status_code, "expired" in late.json()["detail"]) == (409, True)
        states = {item["id"]: item["state"] for item in one.get("/governance/proposals?state=decided").json()["items"]}
        assert [states[number] for number in numbers] == ["refused", "withdrawn", "expired"]
        kinds = [act["kind"] for act in one.get("/governance/acts").json()["items"]]
    assert kinds == ["lapse", "withdraw", "refuse", "propose", "propose", "propose", "four_eyes"]


def test_a_proposal_that_could_not_be_done_is_not_made(strict: Analytics) -> None:
    with strict.signed("govern") as one:
        assert one.delete("/governance/policies").status_code == 409
        assert one.delete("/governance/holds/7", params={"reason": "none"}).status_code == 404
        assert one.get("/governance/proposals").json()["items"] == []
        assert [act["kind"] for act in one.get("/governance/acts").json()["items"]] == ["four_eyes"]


def test_without_a_login_for_it_each_route_says_what_to_set(database: str) -> None:
    with running_analytics(database, care_url="") as service, service.signed("govern") as client:
        for path in ("state", "requests", "policies", "holds", "proposals", "receipts", "acts", "plan"):
            answer = client.get(f"/governance/{path}")
            assert answer.status_code == 501
            assert "PRELUDE_CARE_DATABASE_URL" in answer.json()["detail"]


def test_each_read_and_each_act_is_an_activity_and_names_nobody(database: str, writer: Writer) -> None:
    written(writer)
    with (
        running_analytics(database, Records()) as service,
        service.signed("govern") as govern,
        capture_activities() as activities,
    ):
        govern.get("/governance/requests")
        found = opened(govern, "access")
        govern.post(f"/governance/requests/{found['id']}/carry-out", json={"user_email": ADA})
        govern.put("/governance/policies", json={"keep": "30d"})
    recorded = [(one.action_type, one.action_name) for one in activities]
    assert recorded == [
        ("settings", "view_requests"), ("settings", "open_request"), ("export", "export_person"), ("settings", "set_policy"),
    ]  # fmt: skip
    assert ADA not in str([one.action_data for one in activities])


def test_a_person_sees_the_open_request_in_what_is_held_on_them(service: Analytics, govern: httpx.Client) -> None:
    opened(govern, "rectification", note="the deal was mine")
    with service.signed("self", ADA) as client:
        answer = client.get("/governance/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (line,) = archive.read("requests.ndjson").splitlines()
    assert json.loads(line)["note"] == "the deal was mine"
