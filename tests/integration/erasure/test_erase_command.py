"""`prelude store erase` and `rename` as they are typed: what they say, what they leave, and who may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from prelude_store.command import command
from prelude_store.connection import Connection
from prelude_store.erasure.asked import load
from prelude_store.quarantine.entries import Selection
from prelude_store.quarantine.reader import reader_of
from prelude_store.quarantine.replay import replay
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import verify
from prelude_store.writer import Batch, Writer
from tests.support.dump import Superuser, dump, rows_by_id
from tests.support.people import ADA, BOB, EVE
from tests.support.postgres import as_role
from tests.support.rows import make_row


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(database: str, *words: str, role: str = "governor") -> Result:
    from prelude_otel.errors import PreludeError

    result = CliRunner().invoke(command, [*words, "--database-url", as_role(database, role)])
    if isinstance(result.exception, PreludeError):  # as `prelude` itself shows it, with exit code 1
        result.stdout_bytes += f"Error: {result.exception}".encode()
    return result


def rows() -> list[Any]:
    return [
        make_row(user_email=ADA, action_data='{"to_email": "carl@y.org", "customer_id": 7}', action_name="send_email"),
        make_row(user_email=BOB, action_data=json.dumps({"to_email": ADA, "customer_id": 8}), action_name="send_email"),
        make_row(user_email=BOB),
    ]


def test_an_erased_person_is_gone_and_the_receipt_says_so(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    result = run(database, "erase", "--user", " ADA@x.com ", "--reason", f"asked by {ADA} in ticket 7")
    assert result.exit_code == 0, result
    assert ADA not in dump(superuser)
    (receipt,) = (json.loads(file.read_text()) for file in Path().glob("receipt-erase-*.json"))
    assert (receipt["counts"]["rows"], receipt["counts"]["mentions"]) == (1, 1)
    assert (receipt["left"], receipt["signature"]) == ([], None)
    assert "not signed: PRELUDE_SEAL_KEY_FILE is not set" in result.output
    acts = superuser.execute("SELECT kind, actor, reason FROM governance_acts ORDER BY id").fetchall()
    assert acts == [
        ("erase", "prelude_test_governor", "asked by [the person] in ticket 7"),
        ("erased", "prelude_test_governor", "asked by [the person] in ticket 7"),
    ]
    changes = superuser.execute(
        "SELECT kind, class, count(*) FROM activity_changes GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert changes == [("erased", "device", 1), ("erased", "person", 1), ("redacted", "content", 2)]
    anonymous = superuser.execute(
        "SELECT action_data, octet_length(content_hash) FROM user_activity_logs WHERE user_email IS NULL"
    ).fetchall()
    assert anonymous == [({"to_email": "[erased]", "customer_id": 7}, 0)]


def test_a_dry_run_tells_how_much_and_changes_nothing(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    before = dump(superuser)
    result = run(database, "erase", "--user", ADA, "--dry-run", "--json")
    assert json.loads(result.stdout)["counts"] == {"rows": 1, "mentions": 1}
    assert dump(superuser) == before


def test_an_unknown_person_is_told_and_recorded_and_nothing_else_changes(
    database: str, writer: Writer, superuser: Superuser
) -> None:
    writer.write(Batch(rows=rows()))
    before = rows_by_id(superuser)
    result = run(database, "erase", "--user", EVE)
    assert result.exit_code == 1
    assert f"nothing is held on {EVE}; nothing was changed, and that is recorded as act" in str(result.exception)
    assert rows_by_id(superuser) == before
    ((kind, detail),) = superuser.execute("SELECT kind, detail FROM governance_acts").fetchall()
    assert (kind, detail["held"]) == ("erase", "nothing")
    assert not load(superuser)


def test_who_was_erased_before_is_told_when(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=rows()))
    run(database, "erase", "--user", ADA)
    assert "; erased on 20" in str(run(database, "erase", "--user", ADA).exception)


@pytest.mark.parametrize("given", ["@x.com", "ada@x.com,bob@x.com b"])
def test_a_malformed_address_is_refused(database: str, superuser: Superuser, given: str) -> None:
    for words in (("erase", "--user", given), ("rename", "--user", given, BOB), ("export", "--user", given)):
        result = run(database, *words)
        assert result.exit_code == 1
        assert "is no address of a person; it looks like ada@company.com" in str(result.exception)
    assert superuser.execute("SELECT count(*) FROM governance_acts").fetchone() == (0,)


def test_whom_must_be_said_in_one_way(database: str) -> None:
    assert run(database, "erase").exit_code == 2
    assert run(database, "rename", "--user", ADA, " ADA@X.com").exit_code == 2


@pytest.mark.parametrize("words", [("erase", "--user", ADA), ("rename", "--user", ADA, EVE), ("export", "--user", ADA)])
@pytest.mark.parametrize("role", ["writer", "reader", "keeper", "sealer"])
def test_the_governor_alone_may(
    database: str, writer: Writer, superuser: Superuser, role: str, words: tuple[str, ...]
) -> None:
    writer.write(Batch(rows=rows()))
    before = rows_by_id(superuser)
    result = run(database, *words, role=role)
    assert result.exit_code == 1
    assert "GRANT prelude_governor TO it" in str(result.exception)
    assert rows_by_id(superuser) == before


def test_a_scrub_takes_a_superuser_and_says_so_before_anything_changes(
    database: str, writer: Writer, superuser: Superuser
) -> None:
    writer.write(Batch(rows=rows()))
    before = rows_by_id(superuser)
    result = run(database, "erase", "--user", ADA, "--scrub")
    assert "takes a superuser; prelude_test_governor is none. Nothing was changed" in str(result.exception)
    assert rows_by_id(superuser) == before


def test_what_comes_too_late_stays_out_and_is_counted(database: str, writer: Writer, superuser: Superuser) -> None:
    known, named, _ = sent = rows()
    writer.write(Batch(rows=sent))
    run(database, "erase", "--user", ADA)
    late = make_row(user_email=ADA, timestamp_us=known.timestamp_us - 5_000_000)
    naming = make_row(user_email=BOB, action_data=json.dumps({"to": f"Ada <{ADA.upper()}>", "n": 1.10}))
    before = rows_by_id(superuser)
    result = writer.write(Batch(rows=[known, named, late, naming]))
    assert (result.erased, result.inserted, result.duplicates, result.conflicts) == (2, 1, 1, 0)
    after = rows_by_id(superuser)
    assert {event_id: after[event_id] for event_id in before} == before
    assert after.keys() - before.keys() == {naming.event_id}
    assert ADA not in dump(superuser).lower()


def test_who_comes_back_is_written_again(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    run(database, "erase", "--user", ADA)
    superuser.execute("UPDATE erasures SET until = now() - interval '10 s', version = nextval('erasure_versions')")
    back = make_row(user_email=ADA, timestamp_us=rows()[0].timestamp_us + 59_000_000)
    assert writer.write(Batch(rows=[back])).inserted == 1


def test_a_replay_of_the_quarantine_brings_nobody_back(database: str, superuser: Superuser, writer: Writer) -> None:
    writer.write(Batch(rows=rows()))
    run(database, "erase", "--user", ADA)
    ada = make_row(user_email=ADA)
    payload = json.dumps(ada._asdict() | {"content_hash": ada.content_hash.hex()}).encode()
    superuser.execute(
        "INSERT INTO activity_quarantine (signal, reason, detail, payload, payload_hash) VALUES ('row', 'r', 'd', %s, 'x')",
        [payload],
    )
    with_governor: Connection = superuser
    done = replay(with_governor, writer, reader_of(), Selection())
    assert (done.rows, done.erased) == (0, 1)
    assert superuser.execute("SELECT count(*) FROM user_activity_logs WHERE user_email = %s", [ADA]).fetchone() == (0,)


def test_a_renamed_person_joins_who_is_there_already(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    result = run(database, "rename", "--user", ADA, BOB, "--json")
    assert result.exit_code == 0, result
    users = superuser.execute("SELECT user_email, count(*) FROM user_activity_logs GROUP BY 1").fetchall()
    assert users == [(BOB, 3)]
    assert json.loads(result.stdout.splitlines()[-1])["counts"] == {
        "content_renamed": 1, "mentions": 1, "person_renamed": 1, "rows": 1,
    }  # fmt: skip


def test_a_renaming_loses_no_row_and_says_what_it_left(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=[make_row(user_email=ADA, page_route=f"/people/{ADA}")]))
    run(database, "rename", "--user", ADA, EVE, "--receipt", "it.json")
    found = superuser.execute("SELECT user_email, page_route FROM user_activity_logs").fetchall()
    assert found == [(EVE, f"/people/{ADA}")]


def test_a_row_whose_kind_is_named_after_the_person_goes(
    database: str, writer: Writer, superuser: Superuser, keeping: Connection
) -> None:
    writer.write(Batch(rows=[make_row(user_email=BOB, page_route=f"/people/{ADA}"), make_row(user_email=BOB)]))
    while passes.carry_out(keeping).places:
        pass
    result = run(database, "erase", "--user", ADA)
    assert "1  of them gone as a whole" in result.output
    assert superuser.execute("SELECT activity_count FROM user_session_summaries").fetchall() == [(1,)]
    assert ADA not in dump(superuser)


def test_what_was_ended_by_a_row_that_goes_is_pending_again(
    database: str, writer: Writer, superuser: Superuser, keeping: Connection
) -> None:
    begun = make_row(user_email=BOB, result_status="pending")
    ending = make_row(user_email=BOB, page_route=f"/people/{ADA}", completes_event_id=begun.event_id)
    writer.write(Batch(rows=[begun, ending]))
    while passes.carry_out(keeping).places:
        pass
    run(database, "erase", "--user", ADA)
    while building.build_next(keeping):
        pass
    assert verify(as_role(database, "keeper")).differences == []
    counted = superuser.execute("SELECT pending_count, success_count FROM user_session_summaries").fetchall()
    assert counted == [(1, 0)]


def test_a_half_finished_run_of_another_kind_is_named(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    run(database, "rename", "--user", ADA, EVE)
    superuser.execute("UPDATE erasure_runs SET finished_at = NULL, step = 'own'")
    result = run(database, "erase", "--user", ADA)
    assert f"a renaming to another address of {ADA}" in str(result.exception)
    assert "is not finished: give that command again first" in str(result.exception)


def test_after_a_restore_the_receipts_erase_again(
    database: str, writer: Writer, second_writer: Writer, superuser: Superuser
) -> None:
    sent = [*rows(), make_row(user_email=BOB, page_url="/p/eve%40x.com")]
    writer.write(Batch(rows=sent))
    run(database, "erase", "--user", ADA, "--receipt", "ada.json")
    run(database, "erase", "--user", EVE, "--receipt", "eve.json")
    superuser.execute("TRUNCATE user_activity_logs, erasures, erasure_runs, governance_acts, activity_changes CASCADE")
    writer.close()
    second_writer.write(Batch(rows=sent))
    assert ADA in dump(superuser)
    assert "eve%40x.com" in dump(superuser)
    result = run(database, "erase", "--replay", "ada.json", "--replay", "eve.json", "--json")
    assert result.exit_code == 0, result.exception
    assert [one["erased"] for one in json.loads(result.stdout.splitlines()[-1])["receipts"]] == [True, True]
    assert ADA not in dump(superuser)
    assert "eve%40x.com" not in dump(superuser)
    assert second_writer.write(Batch(rows=[sent[0]])).erased == 1


def test_an_altered_receipt_is_refused(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    run(database, "erase", "--user", ADA, "--receipt", "ada.json")
    file = Path("ada.json")
    file.write_text(file.read_text().replace('"rows": 1', '"rows": 0'))
    assert "was altered" in str(run(database, "erase", "--replay", "ada.json").exception)
    file.write_text("{}")
    assert "is no receipt of an erasure" in str(run(database, "erase", "--replay", "ada.json").exception)


def test_an_export_says_what_it_wrote_and_is_recorded(database: str, writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=rows()))
    result = run(database, "export", "--user", ADA, "--out", "ada.zip", "--json")
    assert json.loads(result.stdout.splitlines()[-1])["rows"]["activities"] == 1
    assert Path("ada.zip").stat().st_mode & 0o077 == 0
    ((kind, detail),) = superuser.execute("SELECT kind, detail FROM governance_acts").fetchall()
    assert (kind, detail["rows"]["named"]) == ("export", 1)
    assert ADA not in json.dumps(detail)
