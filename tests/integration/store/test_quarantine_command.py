"""`prelude store quarantine`: look, try again, let go. A replayed record becomes exactly its row."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from psycopg.conninfo import make_conninfo

from prelude_exporter.decoding.decode import Decoder
from prelude_otel.errors import StoreError
from prelude_store.command import command
from prelude_store.connection import connect
from prelude_store.quarantine.entries import Selection
from prelude_store.quarantine.reader import reader_of
from prelude_store.quarantine.replay import replay
from prelude_store.writer import Batch, Writer
from tests.integration.exporter.conftest import TIME_NS, activity, logs, span_of, traces
from tests.support.otlp import attributes
from tests.support.postgres import as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Connection = psycopg.Connection[tuple[Any, ...]]

NARROW = timedelta(seconds=1)
"""What an exporter accepts that refuses every record of these tests for its time."""

COLUMNS = """event_id, "timestamp", user_email, session_id, action_type, action_name, entity_type, entity_id, page_url, service_name,
    action_data, result_status, result_data, duration_ms, tags, trace_id, span_id, content_hash"""


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(command, ["quarantine", *arguments], **options)


def said(*arguments: str) -> Any:
    result = invoke(*arguments, "--json", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def unknown_status(number: int = 1, **changes: Any) -> LogRecord:
    return activity(number, **({"prelude__result__status": "perhaps"} | changes))


@pytest.fixture
def replayer(database: str, superuser: Connection) -> Iterator[str]:
    """URL of a login that may read the quarantine and write rows, and nothing else."""
    superuser.execute("CREATE ROLE prelude_test_replayer LOGIN IN ROLE prelude_governor, prelude_writer")
    yield make_conninfo(database, user="prelude_test_replayer")
    superuser.execute("DROP ROLE prelude_test_replayer")


def quarantine(writer: Writer, *records: LogRecord, decoder: Decoder | None = None) -> None:
    writer.write((decoder or Decoder()).logs(logs(*records)).batch())


def refuse_for_its_time(url: str, batch: Batch) -> None:
    writer = Writer(url, accept_past=NARROW)
    writer.write(batch)
    writer.close()


def waiting(superuser: Connection) -> list[tuple[Any, ...]]:
    return superuser.execute("SELECT reason FROM activity_quarantine WHERE replayed_at IS NULL ORDER BY id").fetchall()


def test_the_list_counts_by_reason_filters_and_pages(writer: Writer, database: str) -> None:
    quarantine(
        writer, *(unknown_status(number) for number in range(1, 6)), activity(6, prelude__action__type="gardening")
    )
    url = ("--database-url", as_role(database, "governor"))
    first = said("list", "--limit", "4", *url)
    assert first["counts"] == {"unknown_status": 5, "unknown_action_type": 1}
    rest = said("list", "--limit", "4", "--before", str(first["next_before"]), *url)
    assert [len(first["items"]), len(rest["items"]), rest["next_before"]] == [4, 2, None]
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 6
    assert len(said("list", "--reason", "unknown_status", "--since", "1h", "--signal", "logs", *url)["items"]) == 5
    assert said("list", "--state", "replayed", *url)["items"] == []
    readable = invoke("list", *url).output
    assert "        5  unknown_status\n" in readable
    assert "unknown_status: result status 'perhaps' is none of" in readable


def test_an_entry_is_shown_decoded_or_as_its_bytes(writer: Writer, superuser: Connection, database: str) -> None:
    quarantine(writer, unknown_status(7))
    ((number, payload),) = superuser.execute("SELECT id, payload FROM activity_quarantine").fetchall()
    url = ("--database-url", as_role(database, "governor"))
    shown = said("show", str(number), *url)
    (outer,) = shown["payload"]
    (record,) = outer["scopes"][0]["records"]
    assert outer["resource"] == {"service.name": "crm-service"}
    assert (record["event_name"], record["trace_id"]) == ("prelude.crm.create_deal", f"{7:032x}")
    assert record["attributes"]["prelude.action.data"]["deal_name"] == "Enterprise Contract"
    assert invoke("show", str(number), "--raw", *url).stdout_bytes == payload
    assert '"event_name": "prelude.crm.create_deal"' in invoke("show", str(number), *url).output
    with pytest.raises(StoreError, match="no entry 999"):
        invoke("show", "999", *url, catch_exceptions=False)


def test_a_replayed_record_becomes_exactly_the_row_that_it_would_have_been(
    writer: Writer, superuser: Connection, replayer: str, tmp_path: Path
) -> None:
    """The record was refused by an exporter that did not accept its time; the other way is the same record, accepted at once."""
    records = [activity(number, log__record__uid=None if number % 2 else f"uid {number}") for number in range(1, 9)]
    refuse_for_its_time(replayer, Decoder().logs(logs(*records)).batch())
    assert waiting(superuser) == [("timestamp_out_of_range",)] * 8
    assert said("replay", "--all", "--database-url", replayer) == {
        "rows": 8,
        "known": 0,
        "stayed": {},
        "unreadable": 0,
        "erased": 0,
    }
    replayed = superuser.execute(f"SELECT {COLUMNS} FROM user_activity_logs ORDER BY 1".encode()).fetchall()
    superuser.execute("TRUNCATE user_activity_logs")
    quarantine(writer, *records)
    assert superuser.execute(f"SELECT {COLUMNS} FROM user_activity_logs ORDER BY 1".encode()).fetchall() == replayed
    assert waiting(superuser) == []


def test_what_fails_again_stays_with_the_reason_of_today(writer: Writer, superuser: Connection, database: str) -> None:
    quarantine(writer, unknown_status())
    superuser.execute(
        "UPDATE activity_quarantine SET reason = 'mapping_failed', detail = 'a fault of an older version'"
    )
    assert said("replay", "--reason", "mapping_failed", "--database-url", database)["stayed"] == {"unknown_status": 1}
    assert superuser.execute("SELECT reason, detail, replayed_at FROM activity_quarantine").fetchall() == [
        ("unknown_status", "result status 'perhaps' is none of error, pending, success, timeout", None)
    ]
    quarantine(writer, unknown_status())  # and when it is sent again, it is the same entry
    assert len(waiting(superuser)) == 1


def test_a_catalogue_that_was_missing_mends_what_it_declares(
    writer: Writer, superuser: Connection, database: str, tmp_path: Path
) -> None:
    catalogue = tmp_path / "chat.toml"
    catalogue.write_text('[chat.send_message]\nfields.length = { type = "integer" }\n')
    record = activity(
        prelude__action__type="chat", prelude__action__name="send_message", prelude__action__data={"length": "12"}
    )
    refuse_for_its_time(database, Decoder().logs(logs(record)).batch())
    said("replay", "--all", "--catalogue", str(catalogue), "--database-url", database)
    assert superuser.execute("SELECT action_data FROM user_activity_logs").fetchall() == [({"length": 12},)]


def test_a_conflict_stays_one_entry_and_changes_no_row(writer: Writer, superuser: Connection, database: str) -> None:
    quarantine(writer, activity())
    quarantine(writer, activity(user__email="other@company.com"))
    for _ in range(2):
        assert said("replay", "--all", "--database-url", database)["stayed"] == {"content_conflict": 1}
    assert superuser.execute("SELECT user_email FROM user_activity_logs").fetchall() == [("user@company.com",)]
    assert waiting(superuser) == [("content_conflict",)]


def test_rows_that_came_without_their_bytes_are_replayed_too(
    writer: Writer, superuser: Connection, database: str
) -> None:
    row = make_row(tags=("a", "b"), action_data='{"subject":"naïve"}')
    refuse_for_its_time(database, Batch(rows=[row]))
    assert superuser.execute("SELECT signal FROM activity_quarantine").fetchall() == [("row",)]
    assert said("replay", "--all", "--database-url", database)["rows"] == 1
    assert superuser.execute("SELECT event_id::text, tags, content_hash FROM user_activity_logs").fetchall() == [
        (row.event_id, ["a", "b"], row.content_hash)
    ]


def test_a_replayed_span_event_gets_the_length_of_its_span(superuser: Connection, database: str) -> None:
    span = span_of(3, 41_500_000)
    event = span.events.add(name="prelude.crm.view_deal", time_unix_nano=TIME_NS)
    event.attributes.extend(attributes({"prelude.entity.id": "3"}))
    refuse_for_its_time(database, Decoder().traces(traces(span)).batch())
    assert said("replay", "--all", "--database-url", database)["rows"] == 1
    assert superuser.execute("SELECT duration_ms FROM user_activity_logs").fetchall() == [(42,)]


def test_a_dry_run_writes_nothing_and_replays_are_safe_to_repeat_and_to_run_at_once(
    writer: Writer, superuser: Connection, database: str
) -> None:
    decoded = Decoder().logs(logs(*map(activity, range(1, 401))))
    refuse_for_its_time(database, decoded.batch())
    assert said("replay", "--all", "--dry-run", "--database-url", database)["rows"] == 400
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchall() == [(0,)]
    assert said("replay", "--all", "--limit", "10", "--database-url", database)["rows"] == 10
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: _replay(database), range(2)))
    assert sum(outcome.rows for outcome in outcomes) == 390
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchall() == [(400,)]
    assert waiting(superuser) == []
    assert said("replay", "--all", "--database-url", database)["rows"] == 0
    # A row that is there already, the mark lost: a crash between the two.
    superuser.execute("UPDATE activity_quarantine SET replayed_at = NULL")
    assert said("replay", "--all", "--database-url", database)["known"] == 400


def _replay(url: str) -> Any:
    """In this process: two command lines at once would share one standard output."""
    writer = Writer(url)
    try:
        with connect(url, "test") as connection:
            return replay(connection, writer, reader_of(), Selection())
    finally:
        writer.close()


def test_what_is_no_record_stays_as_it_is(superuser: Connection, database: str) -> None:
    superuser.execute(
        "INSERT INTO activity_quarantine (signal, reason, detail, payload, payload_hash) VALUES"
        " ('logs', 'request_too_large', 'd', '\\xff', '\\x01'), ('row', 'r', 'd', '{}', '\\x02'), ('metrics', 'r', 'd', '', '\\x03')"
    )
    assert said("replay", "--all", "--database-url", database)["unreadable"] == 2
    assert said("replay", "--reason", "request_too_large", "--database-url", database)["unreadable"] == 1
    assert waiting(superuser) == [("request_too_large",), ("r",), ("r",)]
    assert "can't be read" in said("show", "1", "--database-url", database)["payload"]


def test_records_of_a_forbidden_service_are_replayed_only_when_named(
    writer: Writer, superuser: Connection, database: str
) -> None:
    refuse_for_its_time(database, Decoder().logs(logs(activity())).batch())
    superuser.execute("UPDATE activity_quarantine SET reason = 'service_not_allowed'")
    assert said("replay", "--all", "--database-url", database)["rows"] == 0
    assert said("replay", "--reason", "service_not_allowed", "--database-url", database)["rows"] == 1


def test_purge_deletes_what_is_selected_and_says_how_many(writer: Writer, superuser: Connection, database: str) -> None:
    quarantine(
        writer, *(unknown_status(number) for number in range(1, 4)), activity(4, prelude__action__type="gardening")
    )
    superuser.execute("UPDATE activity_quarantine SET replayed_at = now() WHERE reason = 'unknown_action_type'")
    superuser.execute(
        "UPDATE activity_quarantine SET received_at = now() - interval '100 days'"
        " WHERE id = (SELECT min(id) FROM activity_quarantine WHERE reason = 'unknown_status')"
    )
    url = ("--database-url", as_role(database, "governor"))
    assert said("purge", "--replayed", "--dry-run", *url) == {
        "purged": 0, "matching": 1, "counts": {"unknown_action_type": 1}
    }  # fmt: skip
    assert said("purge", "--replayed", *url)["purged"] == 1
    assert invoke("purge", "--older-than", "90d", *url, input="n\n").exit_code == 1
    assert said("purge", "--older-than", "90d", "--yes", *url)["purged"] == 1
    assert said("purge", "--reason", "unknown_status", "--yes", *url)["purged"] == 2
    assert superuser.execute("SELECT count(*) FROM activity_quarantine").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("role", "arguments", "remedy"),
    [
        ("reader", ["list"], "GRANT prelude_governor"),
        ("writer", ["list"], "GRANT prelude_governor"),
        ("governor", ["replay", "--all"], "GRANT prelude_writer"),
        ("writer", ["purge", "--replayed"], "GRANT prelude_governor"),
    ],
)
def test_a_login_without_the_right_hears_which_one(database: str, role: str, arguments: list[str], remedy: str) -> None:
    with pytest.raises(StoreError, match=remedy):
        invoke(*arguments, "--database-url", as_role(database, role), catch_exceptions=False)


@pytest.mark.parametrize(
    "arguments", [["replay"], ["purge"], ["list", "--since", "yesterday"], ["purge", "--older-than", "9"]]
)
def test_what_is_not_said_plainly_is_wrong_usage(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2
