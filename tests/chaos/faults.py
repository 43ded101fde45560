"""The faults: each is done to one target, lasts for a while, and is over when its context is left."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import psycopg

from tests.chaos.chain import Chain
from tests.chaos.parts import Database, Part

__all__ = ["COLLECTORS_DISK", "FAULTS", "Fault", "Planned", "full_disk", "plan"]

Act = Callable[[Chain, str, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind: what is done, to which targets, for how many seconds, and how often in proportion to others."""

    kind: str
    act: Act
    targets: tuple[str, ...]
    seconds: tuple[float, float]
    weight: int = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a run, as its seed made it."""

    fault: Fault
    target: str
    seconds: float
    seed: int


def plan(seed: int, count: int, faults: tuple[Fault, ...]) -> list[Planned]:
    """The faults of a run, the same for the same seed."""
    dice = random.Random(seed)
    planned = []
    for fault in dice.choices(faults, [fault.weight for fault in faults], k=count):
        seconds = dice.uniform(*fault.seconds)
        planned.append(Planned(fault, dice.choice(fault.targets), seconds, dice.getrandbits(32)))
    return planned


def _part(chain: Chain, name: str) -> Part | Database:
    return chain.database if name == "database" else chain.parts[name]


@contextmanager
def kill(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    """kill -9, and start again."""
    _part(chain, name).signal(signal.SIGKILL)
    yield


@contextmanager
def kill_and_stay_away(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    part = _part(chain, name)
    part.wanted = False
    part.signal(signal.SIGKILL)
    yield
    part.wanted = True


@contextmanager
def terminate(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    part = _part(chain, name)
    part.wanted = False
    part.terminate()
    yield
    part.wanted = True


@contextmanager
def freeze(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    go_on = _part(chain, name).freeze()
    yield
    go_on()


@contextmanager
def kill_a_backend(chain: Chain, _name: str, dice: random.Random) -> Iterator[None]:
    """PostgreSQL then throws out everybody and recovers."""
    for pid in dice.sample(chain.database.processes()[1:], 1) if len(chain.database.processes()) > 1 else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield


@contextmanager
def cut(chain: Chain, name: str, dice: random.Random) -> Iterator[None]:
    chain.wires[name].cut(hard=dice.random() < 0.5)
    yield


@contextmanager
def cut_in_the_middle(chain: Chain, name: str, dice: random.Random) -> Iterator[None]:
    """After one of the next pieces that a client sends."""
    left = dice.randrange(1, 12)

    def watch(_piece: bytes) -> bool:
        nonlocal left
        left -= 1
        return left == 0

    chain.wires[name].watch = watch
    yield
    chain.wires[name].watch = None


@contextmanager
def cut_at_commit(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    """COMMIT goes out, and its answer does not come back."""
    chain.wires[name].watch = lambda piece: b"COMMIT" in piece
    yield
    chain.wires[name].watch = None


@contextmanager
def nobody_home(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    wire = chain.wires[name]
    wire.refuse = True
    wire.cut()
    yield
    wire.refuse = False


@contextmanager
def half_open(chain: Chain, name: str, dice: random.Random) -> Iterator[None]:
    wire = chain.wires[name]
    wire.swallow = True
    yield
    if dice.random() < 0.5:
        wire.cut(hard=True)
    wire.swallow = False


@contextmanager
def slow(chain: Chain, name: str, dice: random.Random) -> Iterator[None]:
    wire = chain.wires[name]
    wire.delay, wire.bytes_per_second = dice.choice(((0.3, None), (0.0, 30_000), (0.05, 100_000)))
    yield
    wire.delay, wire.bytes_per_second = 0.0, None


@contextmanager
def full_disk(chain: Chain, name: str, _dice: random.Random) -> Iterator[None]:
    chain.disks[name].fill()
    yield
    chain.disks[name].empty()


@contextmanager
def clock_step(chain: Chain, _name: str, dice: random.Random) -> Iterator[None]:
    """The services' clock is wrong from now on: by up to 23 hours ahead, or 30 days behind. It stays so until the next step."""
    seconds = dice.choice((dice.uniform(-5, 5), dice.uniform(-30 * 86_400, 0), dice.uniform(0, 23 * 3600), 0.0))
    (chain.folder / "clock").write_text(str(int(seconds * 1e9)))
    yield


@contextmanager
def locked(chain: Chain, _name: str, dice: random.Random) -> Iterator[None]:
    """As a migration at work."""
    table = dice.choice(("user_activity_logs", "ingest_lanes", "span_joins"))
    with suppress(psycopg.Error), psycopg.connect(chain.url, connect_timeout=2) as connection:
        connection.execute("SET lock_timeout = '2s'")
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        return
    yield


@contextmanager
def only_reading(chain: Chain, _name: str, _dice: random.Random) -> Iterator[None]:
    _say(chain, "ALTER ROLE chaos_writer SET default_transaction_read_only = on", drop=True)
    yield
    while not _say(chain, "ALTER ROLE chaos_writer RESET default_transaction_read_only", drop=True):
        pass


@contextmanager
def no_connections(chain: Chain, _name: str, _dice: random.Random) -> Iterator[None]:
    _say(chain, "ALTER ROLE chaos_writer CONNECTION LIMIT 0", drop=True)
    yield
    while not _say(chain, "ALTER ROLE chaos_writer CONNECTION LIMIT -1"):
        pass


def _say(chain: Chain, statement: str, *, drop: bool = False) -> bool:
    with suppress(psycopg.Error), psycopg.connect(chain.url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement.encode())
        if drop:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chaos_writer'")
        return True
    return False


_SERVICES = ("service a", "service b")
_OURS = (*_SERVICES, "foreign", "exporter a", "exporter b")
_WIRES = ("collector", "exporter", "database")
FAULTS = (
    Fault("kill -9", kill, (*_SERVICES, "collector", "exporter a", "exporter b", "database"), (0.2, 1.5), 6),
    Fault("kill -9 the foreign sender", kill, ("foreign",), (0.2, 1.0), 1),
    Fault(
        "kill -9, away for seconds",
        kill_and_stay_away,
        ("collector", "exporter a", "exporter b", "database"),
        (1, 4),
        3,
    ),
    Fault("kill -9 a backend", kill_a_backend, ("database",), (0.2, 1.5)),
    Fault("SIGTERM", terminate, _OURS, (0.1, 0.5), 3),
    Fault("SIGTERM the Collector", terminate, ("collector",), (0.1, 0.5), 1),
    Fault("fast shutdown", terminate, ("database",), (0.2, 1), 1),
    Fault("SIGSTOP", freeze, (*_SERVICES, "collector", "exporter a", "exporter b", "database"), (0.5, 4), 4),
    Fault("connections cut", cut, _WIRES, (0.1, 0.5), 3),
    Fault("connection cut in the middle", cut_in_the_middle, _WIRES, (0.5, 1.5), 4),
    Fault("connection cut at COMMIT", cut_at_commit, ("database",), (0.5, 1.5), 3),
    Fault("nobody listens", nobody_home, _WIRES, (0.5, 3), 3),
    Fault("half open", half_open, _WIRES, (1, 6), 3),
    Fault("slow line", slow, _WIRES, (1, 4), 3),
    Fault("disk full", full_disk, ("spool", "database"), (0.5, 3), 4),
    Fault("clock step", clock_step, _SERVICES, (0.1, 0.3), 3),
    Fault("table locked", locked, ("database",), (0.5, 3), 2),
    Fault("read-only", only_reading, ("database",), (0.5, 2), 1),
    Fault("out of connections", no_connections, ("database",), (0.5, 2), 1),
)
COLLECTORS_DISK = Fault("disk of the Collector full", full_disk, ("collector",), (0.5, 3), 4)
"""Not among them: on a full disk the Collector's own queue throws away what it reads back (exporterhelper 0.160, persistent_queue.go,
getNextItem and enqueueNotDispatchedReqs), after it has said yes. docs/what-can-be-lost.md says how to keep that disk from being full."""
