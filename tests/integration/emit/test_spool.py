"""Processes with a spool are killed, forked, cut off and short of disk; what was emitted arrives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import prelude_otel
from prelude_otel.errors import ConfigurationError
from prelude_otel.otlp import sender as sender_module
from prelude_otel.spool import spool as spool_module
from tests.support.emit_state import NOBODY
from tests.support.otlp_receiver import HANG, Answer, OtlpReceiver, attributes_of, running_receiver
from tests.support.uvicorn_server import running_server

ROOT = Path(__file__).parents[3]
LONG = 30.0


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with running_receiver() as running:
        yield running


def environment(url: str, spool: Path, **variables: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PRELUDE_"))},
        "OTEL_TRACES_EXPORTER": "none",
        "PRELUDE_ENDPOINT": url,
        "PRELUDE_SPOOL": str(spool),
        **variables,
    }


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def emitter(url: str, spool: Path, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.emitter", *map(str, arguments)],
        cwd=ROOT,
        env=environment(url, spool, **variables),
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(process: subprocess.Popen[str]) -> list[int]:
    """Kill -9 once it has emitted all; the deals whose emit had returned."""
    assert process.stdout is not None
    deals = []
    for line in process.stdout:
        if line == "done\n":
            break
        deals.append(int(line))
    process.kill()
    process.wait()
    process.stdout.close()
    return deals


def deals(receiver: OtlpReceiver) -> Counter[int]:
    return Counter(int(attributes_of(record)["prelude.entity.id"]) for record in receiver.records)


def heir(receiver: OtlpReceiver, spool: Path) -> None:
    """What the next process does, this one."""
    prelude_otel.instrument(endpoint=receiver.url, service_name="heir", spool=spool)


def test_what_a_killed_process_emitted_is_sent_by_the_next(receiver: OtlpReceiver, tmp_path: Path) -> None:
    process = emitter(NOBODY, tmp_path / "spool", 0, 500, "wait", TEST_SERVICE_NAME="billing")
    assert killed(process) == list(range(500))
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: len(receiver.records) >= 500)
    assert deals(receiver) == Counter(range(500))
    resource = attributes_of(receiver.logs[0].resource_logs[0].resource)
    assert resource["service.name"] == "billing", "it speaks for the process that emitted"
    receiver.wait_for(lambda: prelude_otel.stats().recovered == 500)  # the receiver's yes has come back
    left = f"*-{process.pid}-*"  # the file that it wrote to, and perhaps one that it had ready
    receiver.wait_for(lambda: not list((tmp_path / "spool").glob(left)))
    assert prelude_otel.shutdown(LONG)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_process_killed_at_any_moment_loses_nothing_that_it_had_emitted(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    emitted: list[int] = []
    for turn in range(4):
        process = emitter(receiver.url if turn % 2 else NOBODY, tmp_path / "spool", turn * 10**6, 10**6)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(200 * (turn + 1))]
        process.kill()
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        emitted += [int(line) for line in lines if line.endswith("\n")]
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: not set(emitted) - set(deals(receiver)), within=60)
    assert prelude_otel.shutdown(LONG)


def test_two_processes_on_one_folder_double_and_lose_nothing(receiver: OtlpReceiver, tmp_path: Path) -> None:
    both = [emitter(NOBODY, tmp_path / "spool", first, 300, "wait") for first in (0, 300)]
    for process in both:
        killed(process)
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: len(receiver.records) >= 600)
    assert prelude_otel.shutdown(LONG)
    assert deals(receiver) == Counter(range(600))


def test_parent_and_child_after_a_fork_keep_files_of_their_own(receiver: OtlpReceiver, tmp_path: Path) -> None:
    process = emitter(receiver.url, tmp_path / "spool", 0, 200, "fork")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(int(line) for line in output.split()) == list(range(600))
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: len(deals(receiver)) == 600)
    assert prelude_otel.shutdown(LONG)
    assert deals(receiver) == Counter(range(600))


def test_the_sender_imports_nothing_that_a_fork_could_cut_in_half() -> None:
    """A module half imported by another thread stays half imported in the child of a fork."""
    code = (
        "import sys, prelude_otel\n"
        f"prelude_otel.instrument(endpoint={NOBODY!r}, service_name='crm-service')\n"
        "import prelude_otel.recording\n"
        "before = set(sys.modules)\n"
        "prelude_otel.emit('crm.delete_deal', deal_id=1)\n"
        "prelude_otel.flush(1)\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert found.stdout == "[]\n"


def test_an_exit_without_a_receiver_leaves_all_on_disk(tmp_path: Path, receiver: OtlpReceiver) -> None:
    process = emitter(NOBODY, tmp_path / "spool", 0, 50)
    process.communicate(timeout=60)
    assert process.returncode == 0
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: len(receiver.records) >= 50)
    assert deals(receiver) == Counter(range(50))
    receiver.wait_for(lambda: prelude_otel.stats().recovered == 50)
    assert prelude_otel.stats().emitted == 0


SERVICE = """
import os
from fastapi import FastAPI
import prelude_otel
from prelude_otel import activity

app = FastAPI()
prelude_otel.instrument(app, service_name="crm-service")

@app.delete("/crm/deals/{deal_id}")
@activity("crm.delete_deal")
async def delete_deal(deal_id: int) -> int:
    return os.getpid()
"""

SERVERS = {
    "gunicorn --preload": ["gunicorn", "--preload", "-k", "uvicorn_worker.UvicornWorker", "-w", "2", "-b"],
    "uvicorn --workers": ["uvicorn", "--workers", "2", "--log-level", "warning", "--host", "127.0.0.1", "--port"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_the_workers_of_a_server_share_a_folder_and_may_be_killed(
    receiver: OtlpReceiver, tmp_path: Path, server: str, free_port: int
) -> None:
    (tmp_path / "crm_service.py").write_text(textwrap.dedent(SERVICE))
    where = str(free_port) if server.startswith("uvicorn") else f"127.0.0.1:{free_port}"
    process = subprocess.Popen(
        [sys.executable, "-m", *SERVERS[server], where, "crm_service:app"],
        cwd=tmp_path,
        env=environment(NOBODY, tmp_path / "spool", PYTHONPATH=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{free_port}"
        emitted: set[int] = set()
        workers: set[int] = set()
        _wait_for_server(url)
        for number in range(40):
            worker = httpx.delete(f"{url}/crm/deals/{number}").json()
            emitted.add(number)
            if worker not in workers and len(workers) < 2:
                workers.add(worker)
        os.kill(next(iter(workers)), signal.SIGKILL)
        for number in range(40, 60):
            with_retries(url, number)
            emitted.add(number)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    heir(receiver, tmp_path / "spool")
    receiver.wait_for(lambda: len(deals(receiver)) >= 60)
    assert prelude_otel.shutdown(LONG)
    assert set(deals(receiver)) >= emitted
    uids = [attributes_of(record)["log.record.uid"] for record in receiver.records]
    assert len(set(uids)) == len(uids)


def with_retries(url: str, number: int) -> None:
    """A request that may meet the worker which is just being killed."""
    while True:
        try:
            httpx.delete(f"{url}/crm/deals/{number}").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def _wait_for_server(url: str) -> None:
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/docs")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody answers at {url}")


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip(f"a small disk can't be mounted here: {made.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk_costs_nothing_but_a_word_while_memory_lasts(
    receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_module, "_TRY_DISK_EVERY_S", 0.0)
    receiver.answers.extend([Answer(503, {"Retry-After": "600"})])
    with small_disk(tmp_path / "disk", "20m") as disk:
        prelude_otel.instrument(endpoint=receiver.url, spool=disk / "spool")
        for number in range(400):
            prelude_otel.emit("crm.update_deal", deal_id=number, updated_fields={"text": "x" * 100_000})
        stats = prelude_otel.stats()
        assert stats.spooled + stats.waiting == 400
        assert 0 < stats.spooled < 200
        assert stats.problems["spool"] == stats.waiting
        assert "takes no more: No space left on device" in caplog.text
        assert prelude_otel.flush(LONG)
        assert deals(receiver) == Counter(range(400))
        prelude_otel.emit("crm.delete_deal", deal_id=400)
        assert prelude_otel.stats().problems["spool"] == stats.waiting, "it goes to disk again"
        assert prelude_otel.shutdown(LONG)


def test_a_folder_that_this_process_may_not_write_to_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match=r"spool=.*can't be used"):
        prelude_otel.instrument(spool=tmp_path / "file")


@pytest.mark.parametrize("settings", [{"events": "span"}, {"logger_provider": "global"}])
def test_a_spool_and_another_way_to_travel_are_told_at_once(settings: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"leave it out, or leave out"):
        prelude_otel.instrument(spool=tmp_path / "spool", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
def test_a_receiver_that_takes_connections_and_never_answers_holds_no_handler_and_no_exit(
    receiver: OtlpReceiver, tmp_path: Path, spooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    receiver.answers.extend([Answer(HANG)] * 100)
    app = FastAPI()
    prelude_otel.instrument(app, endpoint=receiver.url, service_name="crm", spool=tmp_path / "s" if spooled else None)

    @app.delete("/crm/deals/{deal_id}")
    @prelude_otel.activity("crm.delete_deal")
    async def delete_deal(deal_id: int) -> int:
        return deal_id

    with running_server(app) as url, httpx.Client() as client:
        for number in range(200):
            assert client.delete(f"{url}/crm/deals/{number}").json() == number
        receiver.wait_for(lambda: receiver.seen)  # a request hangs, and stays so until the receiver stops
        for number in range(200):
            assert client.delete(f"{url}/crm/deals/{number}").json() == number
    assert receiver.logs == []
    stats = prelude_otel.stats()
    assert (stats.emitted, stats.spooled if spooled else stats.waiting) == (400, 400)
    assert prelude_otel.shutdown(0.2) is spooled, "on disk, nothing is lost"


def test_the_exit_of_a_process_waits_two_seconds_for_a_receiver_that_hangs(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    receiver.answers.extend([Answer(HANG)] * 100)
    environ = environment(receiver.url, tmp_path, OTEL_EXPORTER_OTLP_TIMEOUT="600")
    del environ["PRELUDE_SPOOL"]
    finished = subprocess.run(
        [sys.executable, "-m", "tests.support.emitter", "0", "5"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,  # the request itself would take ten minutes
        check=True,
    )
    assert "5 activities were not delivered before the shutdown's 2.0 s were over" in finished.stderr


def test_what_a_receiver_refuses_for_good_is_kept_apart(
    receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "MAX_REFUSED_IN_A_ROW", 100)
    receiver.refuses = lambda _request: 400
    prelude_otel.instrument(endpoint=receiver.url, service_name="crm", spool=tmp_path / "spool")
    for number in range(3):
        prelude_otel.emit("crm.delete_deal", deal_id=number)
    assert not prelude_otel.flush(LONG)
    assert prelude_otel.stats().dropped == {"refused": 3}
    kept = sorted(path for path in (tmp_path / "spool").iterdir() if path.suffix == ".refused")
    receiver.refuses = lambda _request: None
    for path in kept:
        httpx.post(
            f"{receiver.url}/v1/logs", content=path.read_bytes(), headers={"Content-Type": "application/x-protobuf"}
        ).raise_for_status()
    assert deals(receiver) == Counter(range(3))
