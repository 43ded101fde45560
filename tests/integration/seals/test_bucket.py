"""Checkpoints in an S3-compatible store: signed in, an object each, never over another, and nothing secret in a log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prelude_otel.errors import ConfigurationError
from prelude_store.seals import keys, outside
from prelude_store.seals.bucket import Bucket, object_name
from prelude_store.seals.keys import SigningKey
from prelude_store.seals.notes import Checkpoint
from prelude_store.seals.outside import Outlet, read_checkpoints
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, Store, running_s3

AWS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_PROFILE", "AWS_DEFAULT_REGION")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    with running_s3() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return keys.generate(tmp_path / "seal.key", "prelude-otel/log/ab12")


def checkpoint(key: SigningKey, size: int) -> Checkpoint:
    return key.checkpoint(size, bytes(32))


def place(size: int) -> str:
    return f"seals/of/crm/prelude-otel-log-ab12/{size:019d}.note"


def test_each_checkpoint_is_an_object_whose_name_sorts_as_sizes_do(store: Store, key: SigningKey) -> None:
    bucket = Bucket("s3://seals/of/crm/")
    sizes = [7, 1_000_000, 90]
    for size in sizes:
        bucket.put(checkpoint(key, size))
    assert sorted(store.objects) == [place(size) for size in sorted(sizes)]
    body, headers = store.objects[place(90)]
    assert body.decode() == checkpoint(key, 90).note
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["if-none-match"] == "*"
    assert store.refused == []


def test_without_a_prefix_the_log_is_at_the_top(store: Store, key: SigningKey) -> None:
    Bucket("s3://seals").put(checkpoint(key, 1))
    assert list(store.objects) == [f"seals/{object_name(key.name, 1)}"]


def test_what_is_there_is_left_and_the_same_once_more_is_no_failure(store: Store, key: SigningKey) -> None:
    bucket = Bucket("s3://seals/of/crm")
    bucket.put(checkpoint(key, 1))
    bucket.put(checkpoint(key, 1))
    assert store.refused == ["PreconditionFailed"]
    store.objects[place(2)] = (b"of somebody else", {})
    with pytest.raises(OSError, match=r"there is another object prelude-otel-log-ab12.0{18}2.note already"):
        bucket.put(checkpoint(key, 2))
    assert store.objects[place(2)][0] == b"of somebody else"


def test_the_newest_of_a_log_is_found_among_those_of_others(store: Store, key: SigningKey, tmp_path: Path) -> None:
    bucket = Bucket("s3://seals/of/crm")
    assert bucket.newest(key.name, 0) is None
    other = keys.generate(tmp_path / "other.key")
    for size in (3, 12, 5):
        bucket.put(checkpoint(key, size))
    bucket.put(checkpoint(other, 99))
    assert bucket.newest(key.name, 0) == 12
    assert bucket.newest(key.name, 12) is None


def test_a_store_that_refuses_for_a_moment_is_asked_again(store: Store, key: SigningKey) -> None:
    store.answers = ["ServiceUnavailable", "ServiceUnavailable"]
    Bucket("s3://seals/of/crm").put(checkpoint(key, 1))
    assert (store.answers, list(store.objects)) == ([], [place(1)])


def test_no_secret_is_logged_though_the_store_tells_it(
    store: Store, key: SigningKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a wrong one")
    caplog.set_level(logging.DEBUG)
    outlet = Outlet(bucket="s3://seals/of/crm", seconds=0)
    outlet.tell(checkpoint(key, 1))
    outlet.end()
    outlet.run(threading.Event())
    assert (outlet.sent, outlet.failures, store.refused) == (0, 1, ["SignatureDoesNotMatch"])
    assert "did not get out by bucket: it answered 403 SignatureDoesNotMatch" in caplog.text
    for secret in (SECRET_KEY, SESSION_TOKEN, "a wrong one", ACCESS_KEY):
        assert secret not in caplog.text


def test_what_did_not_get_out_gets_out_later_though_nothing_new_comes(
    store: Store, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "_AGAIN", 0.05)
    store.answers = ["AccessDenied", "AccessDenied"]
    outlet = Outlet(tmp_path / "checkpoints.jsonl", bucket="s3://seals/of/crm", seconds=0)
    out = threading.Thread(target=outlet.run, args=(threading.Event(),))
    out.start()
    pause = threading.Event()
    try:
        outlet.tell(checkpoint(key, 1))
        while not outlet.failures:
            pause.wait(0.01)
        owed_since = outlet.owed_since
        assert owed_since is not None
        while outlet.sent < 2:
            pause.wait(0.01)
    finally:
        outlet.end()
        out.join()
    assert outlet.owed_since is None
    assert (outlet.sent, outlet.failures, list(store.objects)) == (2, 2, [place(1)])
    assert len(read_checkpoints(tmp_path / "checkpoints.jsonl")) == 1, "the file had it already"


def test_nobody_there_is_said_so(store: Store, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OSError, match="it does not answer"):
        Bucket("s3://seals").put(checkpoint(key, 1))


def test_objects_that_were_copied_to_disk_are_read_as_checkpoints(
    store: Store, key: SigningKey, tmp_path: Path
) -> None:
    bucket = Bucket("s3://seals/of/crm")
    some = [checkpoint(key, size) for size in (1, 2, 10)]
    for one in reversed(some):
        bucket.put(one)
    for name, (body, _) in store.objects.items():
        path = tmp_path / "copied" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "copied" / ".listing").write_text("of the one who copied")
    assert read_checkpoints(tmp_path / "copied") == some


@pytest.mark.parametrize("address", ["seals", "s3://", "s3://A/b", "https://s3.example.com/seals", "s3://seals/a?b=c"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="one looks like s3://bucket/prefix"):
        Outlet(bucket=address)


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="credentials stand in AWS_ACCESS_KEY_ID") as refused:
        Bucket("s3://AKIA:hunter2@seals/prefix")
    assert "hunter2" not in str(refused.value)
