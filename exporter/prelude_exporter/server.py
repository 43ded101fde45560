"""One exporter process: both servers, the writers and the upkeep, from start to drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

from prelude_exporter import upkeep
from prelude_exporter.access.gate import Gate
from prelude_exporter.access.tls import Certificates
from prelude_exporter.commits.group_commit import GroupCommit
from prelude_exporter.commits.pool import Pool
from prelude_exporter.edge.grpc_service import make_server
from prelude_exporter.edge.http_app import HttpApp
from prelude_exporter.edge.http_protocol import http_protocol
from prelude_exporter.edge.intake import Intake
from prelude_exporter.settings import Address, Settings
from prelude_exporter.threads import in_thread
from prelude_exporter.watch.metrics import Metrics
from prelude_exporter.watch.readiness import Readiness
from prelude_otel.catalogue import Catalogue, builtin, load
from prelude_otel.errors import ConfigurationError
from prelude_store.native import native
from prelude_store.writer import Writer

__all__ = ["Listening", "run"]

_log = logging.getLogger(__name__)
_KEEP_ALIVE: Final = 75
"""Seconds that an idle connection is kept, so that a sender who sends now and then rarely finds it closed."""
_LEAST_TIMEOUT: Final = 0.5
_LOOK: Final = 0.02
_DRAIN: Final = 1.0
"""Seconds that draining may take beyond the longest wait of a request."""


class Listening:
    """Where a started exporter can be reached."""

    def __init__(self, http: Address, grpc: Address) -> None:
        self.http = http
        self.grpc = grpc


class _HttpServer(uvicorn.Server):
    """Leaves the signals to `run`, which has two servers to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: Settings, ready: Callable[[Listening], None]) -> None:
    """Serve until SIGTERM or SIGINT; the database has been prepared (`upkeep.prepare`).

    Args:
        ready: called once, when both servers listen.

    Raises:
        ConfigurationError: an address can't be bound, or a file of certificates or tokens is wrong.
        CatalogueError: a catalogue file is wrong.
    """
    catalogue = builtin()
    for path in settings.catalogues:
        catalogue.update(load(path))
    gate, tls = settings.security.gate(), settings.security.certificates()
    for worry in settings.security.worries():
        _log.warning(worry)
    # Rows are many, short-lived, and in no cycle: looking for cycles after every 700 objects costs a tenth.
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    # A writer that has its answer shall not wait 5 ms at each step of its commit for a request that is being decoded.
    sys.setswitchinterval(0.0005)
    asyncio.run(_serve(settings, catalogue, gate, tls, ready))


async def _serve(
    settings: Settings,
    catalogue: Catalogue,
    gate: Gate,
    tls: Certificates | None,
    ready: Callable[[Listening], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    readiness = Readiness()
    metrics = Metrics(readiness, "python" if native().module is None else "native")
    http_socket = _bind(settings.http)
    metrics.writers.set(settings.writers)
    pool = Pool(lambda: _writer(settings), metrics)
    commits = GroupCommit(pool.writer, metrics, threads=settings.writers)
    limits = settings.limits
    intake = Intake(
        commits,
        metrics,
        readiness,
        catalogue=catalogue,
        waiting_bytes=settings.waiting_bytes,
        wait=settings.wait,
        max_records=limits.records,
    )
    grpc_server, grpc_port = make_server(
        intake, metrics, str(settings.grpc), limits, gate=gate, credentials=tls.for_grpc() if tls else None
    )
    http_server = _HttpServer(
        uvicorn.Config(
            HttpApp(intake, metrics, readiness, limits, gate),
            http=http_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=int(_DRAIN),
        )
    )
    http_server.config.load()
    http_server.config.ssl = tls.for_http() if tls else None
    telemetry = None
    if settings.self_telemetry:
        from prelude_exporter.watch.self_telemetry import SelfTelemetry

        telemetry = SelfTelemetry(metrics.registry, Address(settings.http.host, http_socket.getsockname()[1]))
    await grpc_server.start()
    serving = asyncio.create_task(http_server.serve([http_socket]))
    tasks = [
        asyncio.create_task(upkeep.maintain(settings, metrics)),
        asyncio.create_task(upkeep.measure(settings, metrics)),
        asyncio.create_task(upkeep.watch(settings, readiness)),
    ]
    while not http_server.started and not serving.done():  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    ready(
        Listening(
            Address(settings.http.host, http_socket.getsockname()[1]),
            Address(settings.grpc.host, grpc_port),
        )
    )
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, serving], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await _drain(settings, readiness, intake, commits, grpc_server, http_server, serving)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if telemetry is not None:
        await in_thread(telemetry.close)
    _log.info("stopped")


async def _drain(
    settings: Settings,
    readiness: Readiness,
    intake: Intake,
    commits: GroupCommit,
    grpc_server: Any,
    http_server: _HttpServer,
    serving: Any,
) -> None:
    """New requests are refused, those in flight committed or refused, connections closed.

    The port of HTTP is open to the last, so that whoever asks there whether the exporter is ready is told that it is not.
    """
    _log.info("stopping: what is in flight is committed or refused")
    readiness.stop()
    ends = asyncio.get_running_loop().time() + settings.wait + _DRAIN
    await grpc_server.stop(settings.wait + _DRAIN)
    while intake.waiting_bytes and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110 (no event is worth a call for each request)
        await asyncio.sleep(_LOOK)
    http_server.should_exit = True
    await serving
    # Every request has its answer: nobody waits for a write that hangs.
    if not await in_thread(commits.close, _DRAIN):
        _log.error("a write was still unfinished when the exporter ended; its sender will send it again")


def _writer(settings: Settings) -> Writer:
    return Writer(
        settings.database_url,
        accept_past=settings.accept_past,
        accept_future=settings.accept_future,
        statement_timeout=max(settings.wait, _LEAST_TIMEOUT),
    )


def _bind(address: Address) -> socket.socket:
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(f"can't listen for HTTP on {address}: {error.strerror or error}") from error
    # By its protocol asyncio knows that what is small may go at once (TCP_NODELAY), not 40 ms later.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, bound.detach())
