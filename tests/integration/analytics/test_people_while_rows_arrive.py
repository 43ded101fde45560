"""Lists of people and visits behind a figure, page by page, while rows arrive, late ones too, pending ones end, and days are made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from prelude_store.connection import connect
from prelude_store.timeline.build import build_days
from prelude_store.timeline.follow import follow
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    import psycopg

    from prelude_store.connection import Connection

HOUR_US: Final = 3_600_000_000
DAYS: Final = 4
USERS: Final = (ADA, BOB, "cy@company.com", "dan@company.com", "eve@company.com", "flo@company.com")
NEVER_B: Final = USERS[-2:]
GAP_S: Final = 3 * 3600
FIRST: Final = (now_us() // (24 * HOUR_US) - DAYS - 1) * 24 * HOUR_US
RANGE: Final = {
    "from": f"{datetime.fromtimestamp(FIRST / 1e6, UTC):%Y-%m-%d}",
    "to": f"{datetime.fromtimestamp(FIRST / 1e6, UTC) + timedelta(days=DAYS):%Y-%m-%d}",
}
FUNNEL: Final[dict[str, Any]] = {"steps": [{"actions": ["crm.a"]}, {"actions": ["crm.b"]}], "window": 8 * 3600}


def slot_of(at: str) -> int:
    """Visits lie in slots of two hours, and more than `GAP_S` apart: from 5, 11, 17 and 23 o'clock on, the last across midnight."""
    since = datetime.fromisoformat(at).timestamp() * 1_000_000 - FIRST - 5 * HOUR_US
    slot, within = divmod(since, 6 * HOUR_US)
    assert within < 2 * HOUR_US
    return int(slot)


class Story:
    """Visits that grow, and days that are read from here or from there."""

    def __init__(
        self, chance: Random, writers: tuple[Writer, Writer], keeper: Connection, superuser: psycopg.Connection[Any]
    ) -> None:
        self.chance = chance
        self._writers = writers
        self._keeper = keeper
        self._superuser = superuser
        self._pending: list[tuple[str, str, int]] = []

    def write(self, count: int) -> None:
        """Rows of any visit, earlier and later ones, and what ends pending ones."""
        rows = []
        for _ in range(count):
            user, slot = self.chance.choice(USERS), self.chance.randrange(4 * DAYS - 1)
            status = self.chance.choice(["success", "success", "error", "pending"])
            row = make_row(
                timestamp_us=self._at(slot),
                user_email=user,
                action_name=self.chance.choice("ac" if user in NEVER_B else "abc"),
                result_status=status,
            )
            rows.append(row)
            if status == "pending":
                self._pending.append((row.event_id, user, slot))
        if self._pending and self.chance.random() < 0.5:
            begun, user, slot = self._pending.pop(self.chance.randrange(len(self._pending)))
            rows.append(
                make_row(timestamp_us=self._at(slot), user_email=user, action_name="c", completes_event_id=begun)
            )
        self._writers[self.chance.randrange(2)].write(Batch(rows=rows))

    def go_on(self) -> None:
        """Rows come, the keeper does some of its work, or none, and what is dirty still is old by then."""
        self.write(self.chance.randrange(1, 12))
        if self.chance.random() < 0.6:
            while follow(self._keeper):
                pass
            dirty = [
                day for (day,) in self._superuser.execute("SELECT day FROM timeline_days WHERE dirty ORDER BY day")
            ]
            build_days(self._keeper, [day for day in dirty if self.chance.random() < 0.5])
        self._superuser.execute("UPDATE timeline_days SET built_at = built_at - interval '1 hour' WHERE dirty")

    def _at(self, slot: int) -> int:
        return FIRST + (5 + 6 * slot) * HOUR_US + self.chance.randrange(2 * HOUR_US)


@pytest.fixture
def client(database: str) -> Iterator[httpx.Client]:
    with running_analytics(database, requests_per_second=0) as service, service.signed() as signed:
        yield signed


@pytest.fixture
def tell(
    database: str, writers: tuple[Writer, Writer], superuser: psycopg.Connection[Any]
) -> Iterator[Callable[[int], Story]]:
    """A story that has begun; nothing of it is in the timeline yet."""
    with connect(as_role(database, "keeper"), "test") as keeper:

        def begun(seed: int) -> Story:
            story = Story(Random(seed), writers, keeper, superuser)
            story.write(120)
            return story

        yield begun


def paged(
    ask: Callable[..., Any], key: Callable[[Any], Any], between: Callable[[], None], limit: int
) -> tuple[list[Any], set[Any]]:
    """What the pages have, and what was in the list before each of them.

    Args:
        ask: gives a list by its `limit` and `cursor`.
    """
    found: list[Any] = []
    always = {key(one) for one in ask(1000, None)["items"]}
    cursor = None
    while True:
        page = ask(limit, cursor)
        found += [key(one) for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found, always
        between()
        always &= {key(one) for one in ask(1000, None)["items"]}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("people", [{"step": 1}, {"step": 1, "outcome": "dropped"}, {"step": 2}])
def test_people_of_a_funnel_come_once(
    client: httpx.Client, tell: Callable[[int], Story], seed: int, people: dict[str, Any]
) -> None:
    story = tell(seed)

    def ask(limit: int, cursor: str | None) -> Any:
        body = FUNNEL | {"people": people | {"limit": limit, "cursor": cursor}}
        return client.post("/funnel", params=RANGE, json=body).raise_for_status().json()["people"]

    found, always = paged(ask, lambda one: one["user_email"], story.go_on, 1)
    assert len(found) == len(set(found)) > 0
    assert always <= set(found)


@pytest.mark.parametrize("seed", range(3))
def test_people_of_a_cohort_come_once(client: httpx.Client, tell: Callable[[int], Story], seed: int) -> None:
    story = tell(seed)

    def ask(limit: int, cursor: str | None) -> Any:
        asked: dict[str, Any] = RANGE | {"unit": "day", "people_of": RANGE["from"], "limit": limit}
        given = asked if cursor is None else asked | {"cursor": cursor}
        return client.get("/cohorts", params=given).raise_for_status().json()["people"]

    found, always = paged(ask, lambda one: one["user_email"], story.go_on, 1)
    assert len(found) == len(set(found)) > 0
    assert always <= set(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "figure",
    [
        {"list_step": 0, "list_action": "(any)"},
        {"list_step": 0, "list_action": "(any)", "direction": "before"},
        {"list_step": 0, "list_action": "crm.a", "start": "crm.a"},
        {"list_step": 1, "list_action": "(any)", "direction": "before"},
    ],
)
def test_visits_behind_a_figure_of_paths_come_once(
    client: httpx.Client, tell: Callable[[int], Story], seed: int, figure: dict[str, Any]
) -> None:
    story = tell(seed)

    def ask(limit: int, cursor: str | None) -> Any:
        asked = RANGE | {"gap": GAP_S, "limit": limit} | figure
        given = asked if cursor is None else asked | {"cursor": cursor}
        return client.get("/paths", params=given).raise_for_status().json()["listed"]

    def key(one: Any) -> tuple[str, int]:
        return one["user_email"], slot_of(one["at"])

    found, always = paged(ask, key, story.go_on, 3)
    assert len(always) > 8
    assert len(found) == len(set(found))
    assert always <= set(found)


def test_a_list_without_an_end_keeps_the_range_of_its_first_page(
    client: httpx.Client, tell: Callable[[int], Story]
) -> None:
    tell(1)
    asked: dict[str, Any] = {"days": DAYS + 2, "list_step": 0, "list_action": "(any)", "limit": 1}
    first = client.get("/paths", params=asked).json()
    second = client.get("/paths", params=asked | {"cursor": first["listed"]["next_cursor"]}).json()
    assert second["range"] == first["range"]


PEOPLE: Final[dict[str, Any]] = {"step": 1, "limit": 1}


@pytest.mark.parametrize(
    ("params", "body"),
    [
        (RANGE | {"service_name": "crm-service"}, FUNNEL | {"people": PEOPLE}),
        (RANGE | {"tz": "Europe/Berlin"}, FUNNEL | {"people": PEOPLE}),
        ({"days": "7"}, FUNNEL | {"people": PEOPLE}),
        (RANGE, FUNNEL | {"people": PEOPLE | {"step": 2}}),
        (RANGE, FUNNEL | {"people": PEOPLE | {"outcome": "dropped"}}),
        (RANGE, FUNNEL | {"people": PEOPLE, "window": 60}),
        (RANGE, FUNNEL | {"people": PEOPLE, "order": "strict"}),
        (RANGE, FUNNEL | {"people": PEOPLE, "steps": FUNNEL["steps"][::-1]}),
        (RANGE, FUNNEL | {"people": PEOPLE | {"group": {"value": "crm"}}, "breakdown": "service_name"}),
    ],
)
def test_a_cursor_of_a_funnel_is_none_of_another(
    client: httpx.Client, tell: Callable[[int], Story], params: dict[str, str], body: dict[str, Any]
) -> None:
    tell(2)
    first = client.post("/funnel", params=RANGE, json=FUNNEL | {"people": PEOPLE}).json()["people"]
    assert first["next_cursor"]
    more = FUNNEL | {"people": PEOPLE | {"limit": 5, "cursor": first["next_cursor"]}}
    assert client.post("/funnel", params=RANGE, json=more).status_code == 200
    refused_as_foreign(
        client.post(
            "/funnel", params=params, json=body | {"people": body["people"] | {"cursor": first["next_cursor"]}}
        ),
        "people.cursor",
    )


VISITS: Final = RANGE | {"list_step": "0", "list_action": "(any)", "limit": "1"}
COHORT: Final = RANGE | {"unit": "day", "people_of": RANGE["from"], "limit": "1"}


@pytest.mark.parametrize(
    ("route", "listed", "asked", "other"),
    [
        ("/paths", "listed", VISITS, {"list_action": "crm.a"}),
        ("/paths", "listed", VISITS, {"list_next": "(end)"}),
        ("/paths", "listed", VISITS, {"list_step": "1"}),
        ("/paths", "listed", VISITS, {"direction": "before"}),
        ("/paths", "listed", VISITS, {"gap": "60"}),
        ("/paths", "listed", VISITS, {"start": "crm.a"}),
        ("/paths", "listed", VISITS, {"user_email": ADA}),
        ("/cohorts", "people", COHORT, {"people_in": "0"}),
        ("/cohorts", "people", COHORT, {"first": "range"}),
        ("/cohorts", "people", COHORT, {"periods": "rolling"}),
        ("/cohorts", "people", COHORT, {"return_action": "crm.a"}),
        ("/cohorts", "people", COHORT, {"user_email": ADA}),
    ],
)
def test_a_cursor_of_one_question_is_none_of_another(
    client: httpx.Client,
    tell: Callable[[int], Story],
    route: str,
    listed: str,
    asked: dict[str, str],
    other: dict[str, str],
) -> None:
    tell(3)
    first = client.get(route, params=asked).json()[listed]
    assert first["next_cursor"]
    assert client.get(route, params=asked | {"limit": "9", "cursor": first["next_cursor"]}).status_code == 200
    refused_as_foreign(client.get(route, params=asked | other | {"cursor": first["next_cursor"]}), "cursor")


def test_a_cursor_of_paths_is_none_of_cohorts(client: httpx.Client, tell: Callable[[int], Story]) -> None:
    tell(4)
    visits = client.get("/paths", params=VISITS).json()["listed"]["next_cursor"]
    refused_as_foreign(client.get("/cohorts", params=COHORT | {"cursor": visits}), "cursor")


def refused_as_foreign(answer: httpx.Response, parameter: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["parameter"] == parameter
    assert "other parameters" in answer.json()["allowed"]
