"""The real chain, with a proxy between each pair: services → Collector → two exporters → PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from prelude_cli.collector.packaged import COLLECTOR_CONFIG
from prelude_cli.http import status_of
from prelude_store.embedded import DATABASE
from prelude_store.migrations import migrate
from tests.chaos.disk import Disk
from tests.chaos.parts import Database, Part, Supervisor
from tests.support.ports import free_ports
from tests.support.postgres import embedded_server
from tests.support.proxy import Proxy

__all__ = ["Chain", "database_template", "running_chain"]

_LOGIN = "chaos_writer"
_OVERLAY = Path(__file__).with_name("overlay.yaml")


@contextmanager
def database_template() -> Iterator[Path]:
    """A stopped database with schema and login, to copy for each chain."""
    with tempfile.TemporaryDirectory(prefix="prelude-chaos-") as folder:
        with embedded_server(Path(folder) / "database") as server:
            migrate(server.url)
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE ROLE {_LOGIN} LOGIN IN ROLE prelude_writer".encode())
        yield Path(folder) / "database"


class Chain:
    """All parts, running; every fault is done to one of them.

    Attributes:
        folder: ledgers, logs, the clock's offset.
        disks: of the spool, the Collector's queue and the database.
        wires: proxies by what they lead to.
    """

    def __init__(self, folder: Path, template: Path, collector: Path, stack: ExitStack) -> None:
        self.folder = folder
        (folder / "ledgers").mkdir()
        self.disks = {
            "spool": Disk(folder / "spool", 24, stack),
            "collector": Disk(folder / "queue", 48, stack),
            "database": Disk(folder / "disk", 256, stack),
        }
        data = folder / "disk" / "database"
        shutil.copytree(template, data, copy_function=shutil.copy2)
        _give_back(template, data)
        self.database = Database(embedded_server(data))
        stack.callback(self.database.close)
        self.database.start()
        self.url = self.database.server.url
        ports = free_ports("http", "grpc", "health", "metrics", "a1", "a2", "b1", "b2")
        here = "127.0.0.1"
        self.wires = {
            "collector": Proxy((here, ports["http"])),
            "exporter": Proxy((here, ports["a1"]), (here, ports["b1"])),
            "database": Proxy(data / "socket" / ".s.PGSQL.5432"),
        }
        for wire in self.wires.values():
            stack.callback(wire.close)
        self.health = f"http://{here}:{ports['health']}"
        self.metrics = f"http://{here}:{ports['metrics']}/metrics"
        self.exporters_http = [f"http://{here}:{ports[name]}" for name in ("a2", "b2")]
        self.parts = self._parts(ports, collector)
        for part in self.parts.values():
            stack.callback(part.close)
        # One fault at a time for each of them: the part, the wire to it, its disk.
        self.locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.all: list[Part | Database] = [self.database, *self.parts.values()]
        self.supervisor = Supervisor(self.all)
        stack.callback(self.supervisor.stop)
        self.supervisor.start()

    def _parts(self, ports: dict[str, int], collector: Path) -> dict[str, Part]:
        python, here, send_to = sys.executable, "127.0.0.1", f"http://{self.wires['collector'].address}"
        service = {
            "PRELUDE_ENDPOINT": send_to,
            "PRELUDE_SPOOL": str(self.disks["spool"].folder / "spool"),
            "PRELUDE_SPOOL_MAX_MIB": "20",
        }
        commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "collector": (
                [str(collector), f"--config={COLLECTOR_CONFIG}", f"--config={_OVERLAY}"],
                {
                    "PRELUDE_COLLECTOR_GRPC": f"{here}:{ports['grpc']}",
                    "PRELUDE_COLLECTOR_HTTP": f"{here}:{ports['http']}",
                    "PRELUDE_COLLECTOR_HEALTH": f"{here}:{ports['health']}",
                    "PRELUDE_COLLECTOR_METRICS_PORT": str(ports["metrics"]),
                    "PRELUDE_COLLECTOR_EXPORTER": self.wires["exporter"].address,
                    "PRELUDE_COLLECTOR_STORAGE": str(self.disks["collector"].folder / "queue"),
                    "PRELUDE_COLLECTOR_LOG_LEVEL": "warn",
                },
            ),
            "service a": ([python, "-m", "tests.chaos.emitter", str(self.folder), "a"], service),
            "service b": ([python, "-m", "tests.chaos.emitter", str(self.folder), "b"], service),
            "foreign": (
                [python, "-m", "tests.chaos.foreign", str(self.folder), "f", send_to, *self.exporters_http],
                {},
            ),
        }
        database_url = f"postgresql://{_LOGIN}@{self.wires['database'].address}/{DATABASE}?sslmode=disable"
        for name, first in (("exporter a", "a"), ("exporter b", "b")):
            addresses = ["--grpc", f"{here}:{ports[first + '1']}", "--http", f"{here}:{ports[first + '2']}"]
            commands[name] = (
                [python, "-m", "prelude_cli", "exporter", "--wait", "2", *addresses],
                {"PRELUDE_DATABASE_URL": database_url},
            )
        log = self.folder / "log"
        log.mkdir()
        return {
            name: Part(name, command, environment, log / f"{name}.log")
            for name, (command, environment) in commands.items()
        }

    def ready(self) -> bool:
        """Whether every part is up and well."""
        return (
            all(part.alive() for part in self.all)
            and status_of(self.health) == 200
            and all(status_of(f"{url}/readyz") == 200 for url in self.exporters_http)
        )


def _give_back(template: Path, copy: Path) -> None:
    """Owners, which copying does not keep."""
    owner = (template / "cluster").stat()
    for root, folders, files in os.walk(copy):
        for name in (".", *folders, *files):
            os.chown(Path(root) / name, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def running_chain(template: Path, collector: Path, logs: Path | None = None) -> Iterator[Chain]:
    """A chain in a folder of its own; its logs and ledgers are copied to `logs` at the end, where that is given."""
    with (
        tempfile.TemporaryDirectory(prefix="prelude-chaos-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        path = Path(folder)
        path.chmod(0o755)
        chain = Chain(path, template, collector, stack)
        if logs is not None:
            stack.callback(_keep, path, logs)
        yield chain


def _keep(folder: Path, logs: Path) -> None:
    for name in ("log", "ledgers"):
        shutil.copytree(folder / name, logs / name, dirs_exist_ok=True)
    shutil.copy2(folder / "disk" / "database" / "postgres.log", logs)
