"""`prelude store audit`: what stands in the log stands in the report, whoever's it is, and no text of the log does anything in it."""

from __future__ import annotations

import csv
import io
import json
import random
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from prelude_store.audit import page, report
from prelude_store.command import command
from prelude_store.governance.people import person_hash, person_key
from prelude_store.writer import Batch, Writer
from tests.support.dashboard import hostile_rows
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row, now_us
from tests.support.sealed import Sealed, make_sealed, some_row

ANNA = "anna@company.com"
READ = {"route": "/recent-activities", "role": "all", "token_id": "abcdefghij"}
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def sealed(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    url = postgres.create_database()
    yield make_sealed(url, tmp_path_factory.mktemp("keys"))
    postgres.drop_database(url)


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few hundred rows take many questions."""
    monkeypatch.setattr(report, "_COUNTED", 37)
    monkeypatch.setattr(report, "_SHOWN", 11)
    monkeypatch.setattr(report, "_ACTS", 2)


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["audit", "--from", "60d", *arguments], env={"PRELUDE_DATABASE_URL": url})


def lines(url: str, *arguments: str) -> list[dict[str, Any]]:
    done = run(url, "--format", "ndjson", "--out", "-", *arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def html(url: str, *arguments: str) -> str:
    done = run(url, "--out", "-", *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in records if one["record"] == kind]


def asked(url: str, question: str, *values: Any) -> list[Any]:
    with psycopg.connect(url) as connection:
        return [value for (value,) in connection.execute(question.encode(), values)]


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_a_report_has_every_row_of_its_period_in_order(sealed: Sealed) -> None:
    there = asked(
        sealed.url,
        'SELECT event_id::text FROM user_activity_logs WHERE "timestamp" < now() ORDER BY "timestamp", event_id',
    )
    records = lines(sealed.url)
    assert [row["event_id"] for row in of(records, "activity")] == there
    (summary,), (end,) = of(records, "summary"), of(records, "end")
    assert (summary["rows"], end["rows"], records[-1]) == (len(there), len(there), end)
    assert sum(one["rows"] for one in summary["by_action"]) == sum(summary["by_person"].values()) == len(there)
    statuses = ("success", "error", "pending", "timeout")
    assert sum(one.get(status, 0) for one in summary["by_action"] for status in statuses) == len(there)


@pytest.mark.parametrize(
    ("arguments", "condition"),
    [
        (["--user", "  Anna@Company.COM"], "user_email = 'anna@company.com'"),
        (["--entity", "deal:22"], "entity_type = 'deal' AND entity_id = '22'"),
        (["--service", "crm-service"], "service_name = 'crm-service'"),
        (["--service", "another"], "false"),
    ],
)
def test_a_trail_of_one_subject_has_its_rows_and_no_others(
    sealed: Sealed, arguments: list[str], condition: str
) -> None:
    there = asked(
        sealed.url,
        f'SELECT event_id::text FROM user_activity_logs WHERE {condition} ORDER BY "timestamp", event_id',
    )
    records = lines(sealed.url, *arguments)
    assert [row["event_id"] for row in of(records, "activity")] == there
    assert of(records, "summary")[0]["rows"] == len(there)


def test_a_report_says_what_is_sealed_and_what_is_not_yet(sealed: Sealed) -> None:
    summary = of(lines(sealed.url), "summary")[0]
    assert summary["all_sealed"]
    assert summary["seal"].startswith(f"All {summary['rows']} rows of this report are sealed")
    row = make_row(user_email="late@company.com")
    with closing(Writer(as_role(sealed.url, "writer"))) as writer:
        writer.write(Batch(rows=[row]))
    try:
        records = lines(sealed.url)
        assert "1 are not sealed yet" in of(records, "summary")[0]["seal"]
        assert [one["event_id"] for one in of(records, "activity") if not one["sealed"]] == [row.event_id]
        page = html(sealed.url)
        assert "not sealed</small>" in page
        checkpoint = sealed.checkpoints[-1]
        assert of(records, "report")[0]["seal"]["checkpoint"]["size"] == checkpoint.size
        assert f"{checkpoint.size:,} leaves, root" in page
    finally:
        with psycopg.connect(sealed.url) as connection:
            connection.execute("DELETE FROM user_activity_logs WHERE event_id = %s", [row.event_id])


def test_a_log_that_nobody_sealed_is_said_to_be_none(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    assert "Not sealed: nobody has sealed this log" in html(database)
    assert not of(lines(database), "summary")[0]["all_sealed"]


def test_acts_are_in_the_report_of_a_period_and_a_person_has_their_own(sealed: Sealed) -> None:
    governor = as_role(sealed.url, "governor")
    there = asked(sealed.url, "SELECT id FROM governance_acts ORDER BY id")
    records = lines(as_role(sealed.url, "reader"))
    assert [act["id"] for act in of(records, "act")] == there
    assert {act["kind"] for act in of(records, "act")} >= {"erase", "drop", "hold"}
    mine = of(lines(governor, "--user", ANNA), "act")
    with psycopg.connect(sealed.url) as connection:
        person = person_hash(person_key(connection), ANNA).hex()
    assert [act["detail"].get("person") for act in mine] == [person]  # this very report
    assert mine[0]["detail"]["report"] == "audit"
    assert of(lines(as_role(sealed.url, "reader"), "--user", ANNA), "note")
    assert not of(lines(governor, "--entity", "deal:1"), "act")


def test_who_may_not_add_acts_is_told_that_it_was_not_recorded(sealed: Sealed) -> None:
    before = asked(sealed.url, "SELECT count(*) FROM governance_acts")
    done = run(as_role(sealed.url, "reader"), "--out", "-")
    assert "Not recorded: the login prelude_test_reader" in done.stderr
    assert asked(sealed.url, "SELECT count(*) FROM governance_acts") == before
    done = run(as_role(sealed.url, "governor"), "--entity", "customer:ann@company.com", "--out", "-")
    assert "Not recorded" not in done.stderr
    detail = asked(sealed.url, "SELECT detail FROM governance_acts ORDER BY id DESC LIMIT 1")[0]
    assert detail["entity_type"] == "customer"
    assert "ann@" not in json.dumps(detail)


@pytest.mark.parametrize("role", ["writer", "keeper", "access"])
def test_other_roles_get_no_report(database: str, role: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.html"
    done = run(as_role(database, role), "--out", str(file))
    assert done.exit_code == 1
    assert "GRANT prelude_reader TO it" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_who_looked_is_told_by_reader_route_and_whose_data(database: str, writer: Writer) -> None:
    def read(by: str, times: int, status: str = "success", **filters: str) -> list[Any]:
        data = json.dumps(READ | ({"filters": filters} if filters else {}))
        fields = {"user_email": by, "action_type": "analytics", "action_name": "view_activities", "action_data": data}
        return [
            make_row(**fields, result_status=status, timestamp_us=now_us() - n * 9 * DAY_US)
            for n in range(1, times + 1)
        ]

    mine = make_row(user_email="eve@company.com", action_type="analytics", action_data='{"route": "a report of a CRM"}')
    reads = [
        *read("eve@company.com", 3, user_email=ANNA),
        *read("eve@company.com", 1, "error", user_email=ANNA),
        *read("eve@company.com", 2),
        *read("bob@company.com", 1, entity_type="deal", entity_id="789"),
        make_row(
            user_email="bob@company.com", action_type="settings", action_name="set_policy", action_data=json.dumps(READ)
        ),
    ]
    writer.write(Batch(rows=[mine, *reads, make_row(user_email=ANNA)]))

    def looks(*arguments: str) -> set[tuple[Any, ...]]:
        found = of(lines(database, "--reads", *arguments), "look")
        return {(one["reader"], one["route"], one["whose"], one["looks"], one["refused"]) for one in found}

    of_anna = ("eve@company.com", "/recent-activities", f"person {ANNA}", 4, 1)
    of_deal = ("bob@company.com", "/recent-activities", "entity deal:789", 1, 0)
    assert looks() == {of_anna, of_deal, ("eve@company.com", "/recent-activities", "everybody", 2, 0)}
    assert looks("--user", ANNA) == {of_anna}
    assert looks("--entity", "deal:789") == {of_deal}
    assert looks("--service", "crm-service") == set()
    assert of(lines(database), "look") == []
    page = "".join(Page(html(database, "--reads", "--user", ANNA)).said)
    assert f"Who looked, at what is about person {ANNA}" in page


def test_hostile_texts_are_text_in_a_page(database: str, writer: Writer) -> None:
    evil = '</style><script>alert(1)</script>"\\'
    rows = hostile_rows()
    writer.write(Batch(rows=[*rows, make_row(entity_type=evil, entity_id=evil)]))
    of_it = html(database, "--entity", f"{evil}:{evil}")
    for text in (of_it, html(database, "--reads")):
        page = Page(text)
        allowed = {
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "h1",
            "h2",
            "dl",
            "dt",
            "dd",
            "section",
            "p",
            "strong",
            "code",
        }
        allowed |= {"table", "thead", "tbody", "tr", "th", "td", "bdi", "small", "span", "div", "b"}
        assert {tag for tag, _ in page.elements} <= allowed
        assert {name for _, attributes in page.elements for name in attributes} <= {
            "lang",
            "charset",
            "name",
            "content",
            "class",
            "colspan",
        }
        assert "\u202e" not in text
    said = "".join(Page(of_it).said)
    assert said.count("alert(1)") >= 4  # title, facts, and a row


def test_hostile_texts_are_no_formula_in_csv(database: str, writer: Writer) -> None:
    starts = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠", " =", "\u200b=", "\r\n=1"]
    rows = [
        make_row(user_email=f"{start}cmd|calc@company.com", entity_id=f"{start}1", tags=(f"{start}x",))
        for start in starts
    ]
    writer.write(Batch(rows=rows))
    text = run(database, "--format", "csv", "--out", "-").stdout_bytes.decode()
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    activities = [one for one in read if one["record"] == "activity"]
    assert {one["entity_id"] for one in activities} == {f"'{start}1" for start in starts}
    assert not [value for one in read for value in one.values() if value and value[0] in "=+-@\t\r\n＝＠ \u200b"]
    assert read[-1]["record"] == "end"
    assert json.loads(read[0]["action_data"])["seal"]["origin"] is None


def test_numbers_are_as_they_were_written(database: str, writer: Writer) -> None:
    data = '{"huge": ' + "9" * 5000 + ', "exact": 1.50, "inner": {"n": [12345678901234567890.10]}}'
    writer.write(Batch(rows=[make_row(action_data=data)]))
    raw = run(database, "--format", "ndjson", "--out", "-").stdout
    assert "9" * 5000 in raw
    assert '"exact": 1.50' in raw
    page = "".join(Page(html(database)).said)
    assert "exact 1.50" in page
    assert '{"n": [12345678901234567890.10]}' in page


def test_a_persons_report_while_others_write_is_of_one_moment(database: str, writer: Writer) -> None:
    chance = random.Random(3)
    writer.write(Batch(rows=[some_row(chance, user_email=ANNA) for _ in range(300)]))
    enough = threading.Event()
    begun = threading.Event()

    def write_on() -> None:
        with closing(Writer(as_role(database, "writer"))) as second:
            while not enough.is_set():
                second.write(Batch(rows=[some_row(chance, user_email=ANNA) for _ in range(20)]))
                begun.set()

    writing = threading.Thread(target=write_on)
    writing.start()
    try:
        begun.wait()
        for _ in range(3):
            records = lines(as_role(database, "reader"), "--user", ANNA)
            rows = of(records, "activity")
            assert of(records, "summary")[0]["rows"] == of(records, "end")[0]["rows"] == len(rows) >= 320
            assert len({row["event_id"] for row in rows}) == len(rows)
            places = [(row["timestamp"], row["event_id"]) for row in rows]
            assert places == sorted(places)
    finally:
        enough.set()
        writing.join()


def test_rows_that_went_meanwhile_are_said_to_have_gone(
    database: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(Batch(rows=[make_row() for _ in range(30)]))
    looked = report._looked

    def erased_now(*arguments: Any) -> Any:
        with psycopg.connect(database) as connection:
            connection.execute(
                "DELETE FROM user_activity_logs WHERE event_id IN (SELECT event_id FROM user_activity_logs LIMIT 4)"
            )
        return (yield from looked(*arguments))

    monkeypatch.setattr(report, "_looked", erased_now)
    page = "".join(Page(html(database, "--reads")).said)
    assert "End of the report: 26 activities. 4 that were counted above left the log" in page


def test_what_left_the_log_by_retention_is_said_to_be_missing(database: str, writer: Writer) -> None:
    old = make_row(timestamp_us=now_us() - 50 * DAY_US)
    writer.write(Batch(rows=[old, make_row()]))
    governor = as_role(database, "governor")
    for arguments in (["set", "--keep", "30d"], ["set", "--keep", "1d", "--class", "device"], ["run"]):
        done = CliRunner().invoke(command, ["retain", *arguments, "--database-url", governor])
        assert done.exit_code == 0, done.output
    summary = of(lines(database), "summary")[0]
    assert (summary["rows"], summary["gone"]["rows"], summary["gone"]["later_acts"]) == (1, 1, 0)
    page = "".join(Page(html(database, "--to", "40d")).said)
    assert "of everybody: rows that left the log 1. That is not in this report." in page
    assert "2 acts behind the period" in page
    assert "By retention" not in html(database, "--from", "10d")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--user", "@x.com"], "'@x.com' is no address"),
        (["--entity", "deal"], "'deal' is no entity"),
        (["--user", ANNA, "--service", "crm"], "one person, one entity or one service"),
        (["--to", "90d"], "is not before --to"),
        (["--tz", "Mars/Olympus"], "'Mars/Olympus' is no time zone"),
        (["--out", "audit.pdf"], "'audit.pdf' ends in none of .html, .csv, .ndjson"),
    ],
)
def test_what_can_not_be_is_refused_with_its_reason(database: str, arguments: list[str], said: str) -> None:
    done = run(database, *arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_a_file_is_there_as_a_whole_for_its_owner_alone(database: str, writer: Writer, tmp_path: Path) -> None:
    writer.write(Batch(rows=[make_row()]))
    file = tmp_path / "trail.html"
    assert run(database, "--out", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [file]


def test_a_period_is_from_its_first_moment_to_before_its_last(database: str, writer: Writer) -> None:
    moments = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(microseconds=n) for n in (-1, 0, 1, 999_999, 1_000_000)]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = [make_row(timestamp_us=(moment - epoch) // timedelta(microseconds=1)) for moment in moments]
    writer.write(Batch(rows=rows))
    records = lines(database, "--from", "2026-11-02", "--to", "2026-11-02T00:00:01")
    assert {row["event_id"] for row in of(records, "activity")} == {row.event_id for row in rows[1:4]}


def test_a_page_that_a_browser_would_not_open_says_how_much_it_shows_and_files_have_all(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = len(of(lines(sealed.url), "activity"))
    monkeypatch.setattr(page.Page, "most", 22)
    said = " ".join(Page(html(sealed.url)).said)
    shown = sum(name == "code" and kind.get("class") == "soft" for name, kind in Page(html(sealed.url)).elements)
    assert rows > 22
    assert shown == 22
    assert f"This page shows the first 22 of {rows:,} activities" in said
    assert f"End of the page: the first 22 of {rows:,} activities." in said
    assert "left the log" not in said
    assert len(of(lines(sealed.url), "activity")) == rows
