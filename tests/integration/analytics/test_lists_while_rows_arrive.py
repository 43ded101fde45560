"""Pages of every list while rows arrive, late ones too, pending ones end, and rollups lag, catch up or are made anew: none is skipped or repeated."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from psycopg.rows import dict_row

from prelude_analytics.cursors import Watermark
from prelude_analytics.filters import Filters
from prelude_store.rollups import building, passes
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, running_analytics
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import psycopg

    from prelude_store.connection import Connection

HOUR_US: Final = 3_600_000_000
DAYS: Final = 20
USERS: Final = (ADA, BOB, "eve@company.com", "dan@company.com", "kim@company.com", "lea@company.com", None)
ACTIONS: Final = (
    ("crm", "create_deal"), ("crm", "view_customer"), ("crm", "send_email"), ("crm", "delete_deal"), ("task_management", "create_task"), ("calendar", "create_task"),
)  # fmt: skip
ASKED: Final[tuple[dict[str, str], ...]] = (
    {},
    {"action_name": "send_email"},
    {"action_name": "create_task"},
    {"action_name": "no_such"},
    {"action_name": "delete_deal", "result_status": "error"},
    {"action_type": "crm", "action_name": "view_customer", "result_status": "timeout"},
    {"result_status": "error"},
    {"result_status": "success"},
    {"result_status": "pending"},
    {"result_status": "timeout"},
    {"service_name": "rare"},
    {"service_name": "(none)"},
    {"service_name": "no such"},
    {"page_route": "/rare", "result_status": "success"},
    {"page_route": "(none)"},
    {"entity_type": "lead"},
    {"entity_id": "7"},
    {"action_group": "emails", "service_name": "rare"},
    {"user_email": ADA, "result_status": "error"},
    {"user_email": BOB, "q": "acme"},
    {"q": 'say "hi"'},
    {"q": "ACME", "result_status": "error"},
    {"tag": "vip"},
    {"session_id": "s3"},
    {"customer_id": "7"},
    {"hour": "13", "service_name": "rare"},
)


class Story:
    """A log that grows."""

    def __init__(self, seed: int, writers: tuple[Writer, Writer], keeping: Connection) -> None:
        self.rng = Random(seed)
        self._writers = writers
        self._keeping = keeping
        self._pending: list[str] = []

    def write(self, count: int) -> None:
        """Rows of any time, most of them late, and what ends pending ones."""
        rows = [make_row(**self._row()) for _ in range(count)]
        for _ in range(min(len(self._pending), count // 10)):
            begun = self._pending.pop(self.rng.randrange(len(self._pending)))
            rows.append(make_row(**self._row() | {"completes_event_id": begun, "result_status": "success"}))
        self._pending += [row.event_id for row in rows if row.result_status == "pending"]
        self._writers[self.rng.randrange(2)].write(Batch(rows=rows))

    def count(self) -> None:
        """Let the rollups catch up."""
        while passes.carry_out(self._keeping).places:
            pass

    def rebuild_half(self) -> None:
        """Begin to make the rollups anew, and stop in the middle."""
        building.begin(self._keeping)
        for _ in range(self.rng.randrange(DAYS)):
            building.build_next(self._keeping, "rollups")

    def go_on(self) -> None:
        """Something or other happens."""
        match self.rng.randrange(120):
            case 0:
                self.rebuild_half()
            case 1:
                while building.build_next(self._keeping):
                    pass
                self.count()
            case place if place % 3:
                self.write(self.rng.randrange(1, 8))
                if place % 2:
                    self.count()
            case _:
                pass

    def _row(self) -> dict[str, Any]:
        kind, name = self.rng.choice(ACTIONS)
        return {
            "timestamp_us": now_us() - self.rng.randrange(60, DAYS * 24 * 3600) * 1_000_000 // self.rng.choice((1, 1, 30)),
            "action_type": kind,
            "action_name": name,
            "user_email": self.rng.choice(USERS),
            "session_id": self.rng.choice(("s1", "s2", "s3", None)),
            "entity_type": self.rng.choice(("deal", "deal", "deal", "lead", None)),
            "entity_id": self.rng.choice(("7", "8", None)),
            "service_name": self.rng.choice(("crm", "crm", "crm", "crm", "crm", "web", "rare", None)),
            "page_route": self.rng.choice(("/deals", "/deals", "/deals", "/rare", None)),
            "result_status": self.rng.choices(("success", "error", "pending", "timeout"), (80, 4, 12, 4))[0],
            "action_data": self.rng.choice(('{"note":"say \\"hi\\" to Acme"}', '{"customer_id":7}', '{"list":[{"x":"acme"}]}', None)),
            "tags": self.rng.choice((("vip",), None, None, None)),
        }  # fmt: skip


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """In proportion to the rows that there are: short stretches, so that each way of finding rows is taken."""
    monkeypatch.setattr("prelude_analytics.answers.hours._LONGEST", 11)
    monkeypatch.setattr("prelude_analytics.answers.hours._GAP", 2)
    monkeypatch.setattr("prelude_analytics.answers.uncounted._MOST", 40)
    with running_analytics(database, requests_per_second=0) as service, service.signed() as signed:
        yield signed


def everything(superuser: psycopg.Connection[Any], page: dict[str, Any], asked: dict[str, str]) -> list[str]:
    """What the list holds as of the watermark of its first page, newest first, looked up row by row."""
    watermark = Watermark.read(page["watermark"]["cursor"])
    with superuser.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute('SELECT * FROM user_activity_logs ORDER BY "timestamp" DESC, event_id DESC').fetchall()
    rows = [row for row in rows if row["lane_seq"] <= watermark.lanes.get(row["lane"], 0)]
    ended = {row["completes_event_id"] for row in rows}
    filters = Filters.read(asked)
    return [
        str(row["event_id"])
        for row in rows
        if not (row["result_status"] == "pending" and row["event_id"] in ended)
        and filters.matches(row | {"trace_id": None}, watermark.cut)
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_a_list_has_each_row_of_its_watermark_once(
    client: httpx.Client,
    writers: tuple[Writer, Writer],
    keeping: Connection,
    superuser: psycopg.Connection[Any],
    seed: int,
) -> None:
    story = Story(seed, writers, keeping)
    story.write(250)
    story.count()
    for asked in ASKED:
        story.go_on()
        about: dict[str, Any] = {"days": DAYS + 2, "limit": 15, **asked}
        first = page = client.get("/recent-activities", params=about).raise_for_status().json()
        expected = everything(superuser, first, asked)
        found = [row["event_id"] for row in page["items"]]
        while page["next_cursor"]:
            story.go_on()
            page = (
                client.get("/recent-activities", params=about | {"cursor": page["next_cursor"]})
                .raise_for_status()
                .json()
            )
            assert len(page["items"]) == 15 or page["searched_to"] or not page["next_cursor"]
            found += [row["event_id"] for row in page["items"]]
        assert found == expected, asked


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize(
    ("route", "key", "asked"),
    [
        ("/users", "user_email", {}),
        ("/users", "user_email", {"action_type": "crm"}),
        ("/users", "user_email", {"tag": "vip"}),
        ("/customers", "customer_id", {}),
        ("/emails", "user_email", {}),
        ("/pages", "page_route", {}),
        ("/pages", "page_route", {"q": "acme"}),
    ],
)
def test_a_ranking_stands_while_rows_arrive(
    client: httpx.Client,
    writers: tuple[Writer, Writer],
    keeping: Connection,
    route: str,
    key: str,
    asked: dict[str, str],
    seed: int,
) -> None:
    story = Story(seed, writers, keeping)
    story.write(200)
    story.count()
    about: dict[str, Any] = {"days": DAYS + 2, **asked}
    whole = client.get(route, params=about).raise_for_status().json()["items"]
    page = client.get(route, params=about | {"limit": 1}).raise_for_status().json()
    found = page["items"]
    while page["next_cursor"]:
        story.write(story.rng.randrange(1, 40))
        story.count()
        page = client.get(route, params=about | {"limit": 1, "cursor": page["next_cursor"]}).raise_for_status().json()
        found += page["items"]
    assert len(whole) > 1
    assert [(one[key], one["success"], one["error"]) for one in found] == [
        (one[key], one["success"], one["error"]) for one in whole
    ]


def test_who_only_had_pending_rows_may_leave_a_ranking_and_nobody_else_does_or_comes_twice(
    client: httpx.Client, writer: Writer, keeping: Connection
) -> None:
    def row(user: str, **given: Any) -> Any:
        return make_row(timestamp_us=now_us() - HOUR_US, user_email=f"{user}@company.com", **given)

    waiting = [row(f"waiting{n}", result_status="pending") for n in range(4)]
    others = [
        row(f"other{n}", result_status=status) for n in range(4) for status in ("pending", "error", "success")[n % 3 :]
    ]
    writer.write(Batch(rows=[*waiting, *others]))
    passes.carry_out(keeping)
    whole = client.get("/users").raise_for_status().json()["items"]
    assert len(whole) == 8
    page = client.get("/users", params={"limit": 1}).raise_for_status().json()
    found = page["items"]
    pending = [one for one in (*waiting, *others) if one.result_status == "pending"]
    while page["next_cursor"]:
        ended = [pending.pop()] if pending else []
        ends = {"action_name": "ends", "completes_event_id": ended[0].event_id} if ended else {}
        writer.write(Batch(rows=[row("ender", **ends), row("newcomer")]))
        passes.carry_out(keeping)
        page = client.get("/users", params={"limit": 1, "cursor": page["next_cursor"]}).raise_for_status().json()
        found += page["items"]
    names = [one["user_email"] for one in found]
    assert len(names) == len(set(names))
    assert {one["user_email"] for one in whole} - set(names) <= {one.user_email for one in waiting}
    stayed = [one for one in whole if one["user_email"] in names]
    assert [(one["user_email"], one["success"], one["error"]) for one in found] == [
        (one["user_email"], one["success"], one["error"]) for one in stayed
    ]


def test_a_ranking_is_not_gone_on_with_when_too_much_came_since(
    client: httpx.Client, writer: Writer, keeping: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelude_analytics.figures.sheet.MOST_NEWER", 10)

    def came(count: int) -> None:
        writer.write(Batch(rows=[make_row(user_email=f"{n}@company.com") for n in range(count)]))
        passes.carry_out(keeping)

    came(20)
    first = client.get("/users", params={"limit": 1}).raise_for_status().json()
    following = {"limit": 1, "cursor": first["next_cursor"]}
    came(10)
    assert client.get("/users", params=following).status_code == 200
    came(1)
    refused = client.get("/users", params=following)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert (refused.json()["parameter"], refused.json()["title"]) == ("cursor", "The cursor is too old")


@pytest.mark.parametrize("seed", range(3))
def test_sessions_come_once_while_rows_arrive(
    client: httpx.Client, writers: tuple[Writer, Writer], keeping: Connection, seed: int
) -> None:
    story = Story(seed, writers, keeping)
    story.write(120)
    story.count()
    about: dict[str, Any] = {"days": DAYS + 2}

    def keys(page: dict[str, Any]) -> list[tuple[str, str]]:
        return [(one["user_email"], one["session_id"]) for one in page["items"] if not one["derived"]]

    whole = keys(client.get("/sessions", params=about).raise_for_status().json())
    page = client.get("/sessions", params=about | {"limit": 3}).raise_for_status().json()
    found = keys(page)
    while page["next_cursor"]:
        story.write(story.rng.randrange(1, 10))
        story.count()
        page = (
            client.get("/sessions", params=about | {"limit": 3, "cursor": page["next_cursor"]})
            .raise_for_status()
            .json()
        )
        found += keys(page)
    assert len(whole) > 9
    assert len(found) == len(set(found))
    assert set(found) == set(whole)


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "acme"},
        {"tag": "vip"},
        {"result_status": "error", "q": "acme"},
        {"action_name": "send_email", "result_status": "timeout"},
        {"user_email": ADA, "result_status": "success"},
        {"service_name": "rare"},
    ],
)
def test_a_page_whose_time_is_over_goes_on_behind_the_row_that_it_compared_last(
    client: httpx.Client,
    writers: tuple[Writer, Writer],
    keeping: Connection,
    superuser: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, str],
) -> None:
    for name in ("_LONG", "_LEAST", "_FEW"):
        monkeypatch.setattr(f"prelude_analytics.answers.page.{name}", 0)
    story = Story(7, writers, keeping)
    story.write(150)
    story.count()
    about: dict[str, Any] = {"days": DAYS + 2, "limit": 3, **asked}
    page = client.get("/recent-activities", params=about).raise_for_status().json()
    expected = everything(superuser, page, asked)
    found, short = [row["event_id"] for row in page["items"]], 0
    while page["next_cursor"]:
        cursor = {"cursor": page["next_cursor"]}
        page = client.get("/recent-activities", params=about | cursor).raise_for_status().json()
        short += page["searched_to"] is not None
        found += [row["event_id"] for row in page["items"]]
    assert found == expected
    assert short > 3 or asked.get("result_status") in {"error", "timeout"}  # of those few are compared at all
