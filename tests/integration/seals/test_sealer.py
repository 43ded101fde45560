"""The sealer at work: beside many writers, beside another sealer, killed, with the wrong key; and what it sends out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prelude_otel.errors import ConfigurationError, StoreError
from prelude_store import lanes
from prelude_store.connection import connect
from prelude_store.governance.acts import record_act
from prelude_store.seals import keys, passes, rotation, texts, witnesses
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.notes import COSIGNATURE, Checkpoint, VerifierKey
from prelude_store.seals.outside import Outlet, read_checkpoints
from prelude_store.seals.sealer import Sealer, connected
from prelude_store.seals.thinning import thin
from prelude_store.writer import Batch, Writer
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row
from tests.support.sealing import looked, until_sealed, write


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return keys.generate(tmp_path / "seal.key")


@contextmanager
def at_work(*sealers: Sealer) -> Iterator[threading.Event]:
    stop = threading.Event()
    threads = [threading.Thread(target=sealer.run, args=(stop,)) for sealer in sealers]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_beside_sixty_four_writers_all_is_sealed_and_no_alarm_is_false(database: str, key: SigningKey) -> None:
    told: list[Checkpoint] = []
    sealer = Sealer(as_role(database, "sealer"), key, interval=0.05, checkpoint_seconds=0.1, tell=told.append)
    with at_work(sealer), ThreadPoolExecutor(64) as pool:
        written = [pool.submit(write, database, 3, 20) for _ in range(64)]
        alarms = []
        while not all(one.done() for one in written):
            alarms += looked(database, told[-2:], [key.verifier]).findings.shown
        for one in written:
            one.result()
        until_sealed(database)
    assert alarms == []
    verified = looked(database, told, [key.verifier])
    assert not verified.findings, verified.findings.shown
    assert (verified.rows, verified.size, verified.outside) == (64 * 3 * 21, 64 * 3 * 22, len(told))
    assert verified.waiting == 0


def test_of_two_sealers_one_seals_and_the_other_takes_over(
    database: str, key: SigningKey, postgres: TestServer
) -> None:
    one, other = (Sealer(as_role(database, "sealer"), key, interval=0.02, checkpoint_seconds=0) for _ in range(2))
    pause = threading.Event()
    with at_work(other):
        with at_work(one):
            while not (one.leading or other.leading):
                pause.wait(0.01)
            write(database, 2, 5)
            until_sealed(database)
            assert one.leading != other.leading
        write(database, 2, 5)
        until_sealed(database)
        assert other.leading
    assert one.leaves + other.leaves == 4 * 7
    assert not looked(database).findings


def test_a_sealer_that_is_cut_off_goes_on_where_it_was(database: str, key: SigningKey) -> None:
    with connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        for number in range(4):
            write(database, 1, 300)
            if number % 2:
                with sealing.transaction(force_rollback=True):  # killed before its COMMIT
                    passes.carry_out(sealing, key, checkpoint_seconds=0)
            assert passes.carry_out(sealing, key, checkpoint_seconds=0).left == 0
    verified = looked(database)
    assert not verified.findings
    assert (verified.rows, verified.checkpoints) == (4 * 301, 4)


def test_a_key_of_another_log_and_one_that_nobody_introduced_do_not_sign(
    database: str, key: SigningKey, tmp_path: Path
) -> None:
    second = keys.generate(tmp_path / "second.key", key.name)
    write(database, 1, 3)
    with connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        first = passes.carry_out(sealing, key, checkpoint_seconds=0).checkpoint
        with pytest.raises(ConfigurationError, match="and this log is"):
            passes.admit(sealing, keys.generate(tmp_path / "foreign.key"))
        with pytest.raises(ConfigurationError, match="prelude store seal key rotate"):
            passes.admit(sealing, second)
        with connect(as_role(database, "governor"), "test") as governor:
            with pytest.raises(ConfigurationError, match="is not the present one"):
                rotation.rotate(governor, second, key)
            rotation.rotate(governor, key, second, "yearly")
            with pytest.raises(ConfigurationError, match="has signed this log before"):
                rotation.rotate(governor, key, key)
        passes.admit(sealing, second)
        last = passes.carry_out(sealing, second, checkpoint_seconds=0).checkpoint
        with pytest.raises(ConfigurationError, match="has not signed this log so far"):
            passes.admit(sealing, key)
    assert first is not None
    assert last is not None
    verified = looked(database, [first, last], [key.verifier])
    assert not verified.findings, verified.findings.shown
    assert verified.keys == [key.verifier, second.verifier]
    # Who trusts the second alone does not trust what the first has signed.
    assert "not signed" in str(looked(database, [first], [second.verifier]).findings.shown)


def test_a_checkpoint_of_another_log_is_refused(database: str, key: SigningKey, tmp_path: Path) -> None:
    write(database, 1, 3)
    with connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        passes.carry_out(sealing, key)
    foreign = keys.generate(tmp_path / "foreign.key").checkpoint(5, bytes(32))
    with pytest.raises(StoreError, match="compare it with its own"):
        looked(database, [foreign])


def test_a_witness_signs_under_a_checkpoint_of_ours_alone(database: str, key: SigningKey, tmp_path: Path) -> None:
    write(database, 1, 3)
    private = keys.generate(tmp_path / "witness.key", "witness.example.com")
    witness = VerifierKey(private.name, COSIGNATURE, private.verifier.public)
    with connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        checkpoint = passes.carry_out(sealing, key).checkpoint
        assert checkpoint is not None
        with pytest.raises(StoreError, match="no witness has signed"):
            witnesses.accept(sealing, checkpoint, [witness])
        signed = checkpoint.signed_by(keys.cosign(private, checkpoint))
        assert witnesses.accept(sealing, Checkpoint.parse(signed.note), [witness]) == [witness]
        with pytest.raises(StoreError, match="is none that this log has signed"):
            witnesses.accept(sealing, key.checkpoint(checkpoint.size, bytes(32)), [witness])
        note = sealing.execute("SELECT note FROM seal_checkpoints").fetchall()[0][0]
    assert Checkpoint.parse(note).signatures == signed.signatures
    assert not looked(database, [signed], [key.verifier]).findings


def test_of_old_checkpoints_the_last_of_an_hour_stays_and_what_a_witness_signed(database: str, key: SigningKey) -> None:
    with psycopg.connect(database, autocommit=True) as superuser:
        for size, age in (
            (1, "49 hours 40 minutes"),
            (2, "49 hours 30 minutes"),
            (3, "49 hours 10 minutes"),
            (4, "1 minute"),
            (5, "0 minutes"),
        ):
            note = key.checkpoint(size, bytes(32)).note
            superuser.execute(
                "INSERT INTO seal_checkpoints (size, root, note, signed_at) VALUES (%s, %s, %s, date_trunc('hour', now()) - %s::interval)",
                [size, bytes(32), note + ("\u2014 w AAAAAAAA\n" if size == 1 else ""), age],
            )
        with connected(as_role(database, "sealer"), "test") as sealing:
            thin(sealing)
        sizes = [size for (size,) in superuser.execute("SELECT size FROM seal_checkpoints ORDER BY 1")]
    assert sizes == [1, 3, 4, 5]


class Receiver(BaseHTTPRequestHandler):
    """Takes checkpoints, and refuses the first."""

    got: list[tuple[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.got.append((self.headers["Content-Type"], body))
        self.send_response(503 if len(self.got) == 1 else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        pass


def test_checkpoints_go_to_a_file_and_to_a_webhook_that_may_fail(key: SigningKey, tmp_path: Path) -> None:
    Receiver.got = []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    file = tmp_path / "out" / "checkpoints.jsonl"
    outlet = Outlet(file, f"http://127.0.0.1:{server.server_port}/seals", seconds=0)
    stop = threading.Event()
    out = threading.Thread(target=outlet.run, args=(stop,))
    out.start()
    sent = [key.checkpoint(size, bytes(32)) for size in (1, 2)]
    try:
        outlet.tell(sent[0])
        while outlet.sent < 2:
            stop.wait(0.02)
        outlet.tell(sent[1])
        outlet.end()
        out.join()
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    assert read_checkpoints(file) == sent
    assert [body for _, body in Receiver.got] == [sent[0].note, sent[0].note, sent[1].note]
    assert Receiver.got[0][0].startswith("text/plain")
    assert outlet.failures == 0


def test_a_webhook_that_is_away_costs_a_count_and_nothing_else(key: SigningKey) -> None:
    outlet = Outlet(None, "http://127.0.0.1:9/nobody", seconds=0)
    stop = threading.Event()
    stop.set()
    outlet.tell(key.checkpoint(1, bytes(32)))
    outlet.end()
    outlet.run(stop)
    assert (outlet.sent, outlet.failures) == (0, 1)


def test_who_starts_again_tells_the_newest_checkpoint_once_more_and_the_file_has_it_once(
    database: str, key: SigningKey, tmp_path: Path
) -> None:
    with closing(Writer(as_role(database, "writer"))) as writer:
        writer.write(Batch(rows=[make_row() for _ in range(3)]))
    with connected(as_role(database, "sealer"), "test") as connection:
        passes.admit(connection, key)
        lost = passes.carry_out(connection, key, checkpoint_seconds=0).checkpoint  # signed, and killed then
    assert lost is not None
    told: list[Checkpoint] = []
    pause = threading.Event()
    for starts in (1, 2):
        with at_work(Sealer(as_role(database, "sealer"), key, interval=0.01, tell=told.append)):
            while len(told) < starts:
                pause.wait(0.01)
    assert told == [lost, lost]
    outlet = Outlet(tmp_path / "checkpoints.jsonl", seconds=0)
    for one in told:
        outlet.tell(one)
        outlet.end()
        outlet.run(pause)
    assert read_checkpoints(tmp_path / "checkpoints.jsonl") == [lost]


def test_acts_of_kinds_that_are_called_otherwise_today_still_verify(database: str, key: SigningKey) -> None:
    with connect(as_role(database, "governor"), "test") as governor, governor.transaction():
        lane = lanes.claim(governor)
        record_act(governor, lane, "expire", "postgres", {"proposal": 1, "proposed": "set_policy"})  # before `lapse`
        record_act(governor, lane, "expire", "postgres", {"policy": 1, "what": "rows", "keep": "1y"})
    with connected(as_role(database, "sealer"), "test") as connection:
        passes.admit(connection, key)
        done = passes.carry_out(connection, key, checkpoint_seconds=0)
    assert done.checkpoint is not None
    found = looked(database, [done.checkpoint], [key.verifier])
    assert (found.size, found.outside, found.findings.shown) == (2, 1, [])


def test_a_login_without_the_role_is_told_so(database: str, key: SigningKey, caplog: pytest.LogCaptureFixture) -> None:
    sealer = Sealer(as_role(database, "reader"), key, interval=0.01)
    pause = threading.Event()
    with at_work(sealer):
        while not caplog.records:
            pause.wait(0.01)
    assert "GRANT prelude_sealer TO it" in caplog.text
    assert sealer.failures


def test_sealed_texts_are_those_of_who_changes_rows(database: str) -> None:
    rows: list[dict[str, Any]] = [
        {"user_email": None, "session_id": None, "user_agent": None, "ip_address": None, "tags": None},
        {"tags": ()},
        {"tags": ("", "a,b", '"', "\\", "\u2028")},
        {
            "user_email": 'ü"\\\n\x01@x.y',
            "page_url": "",
            "entity_id": None,
            "action_data": '{"b": 1.50, "a": "\\u0001"}',
        },
        {"page_url": None, "entity_id": None, "action_data": None, "result_data": None, "tags": None},
    ]
    with closing(Writer(as_role(database, "writer"))) as writer:
        writer.write(Batch(rows=[make_row(**row) for row in rows]))
    with psycopg.connect(database) as superuser:
        said = superuser.execute(
            f"SELECT {texts.PERSON}, {texts.DEVICE}, {texts.CONTENT}, prelude_class_text(log, 'person'), prelude_class_text(log, 'device'),"
            " prelude_class_text(log, 'content') FROM user_activity_logs AS log".encode()
        ).fetchall()
    assert [row[:3] for row in said] == [row[3:] for row in said]
    assert len({row[2] for row in said}) == len(rows)
    assert sum(row[0] is None for row in said) == sum(row[2] is None for row in said) == 1
