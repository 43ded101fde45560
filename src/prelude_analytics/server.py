"""One analytics process, from its socket to its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import uvicorn

from prelude_analytics.access.audit import Records, set_up
from prelude_analytics.app import make_app
from prelude_analytics.files import allow_files
from prelude_analytics.garbage import short_searches
from prelude_analytics.live.protocol import OPTIONS
from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from prelude_analytics.settings import Settings

__all__ = ["run"]

_DRAIN: Final = 5
"""Seconds that answers in flight may take after the process has been told to end."""


class _Server(uvicorn.Server):
    """Leaves the signals to `run`, so that being told to end is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of the process.
        ready: called once, with the URL, when it listens.

    Raises:
        ConfigurationError: the address can't be bound, or the certificate is wrong.
    """
    asyncio.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: Callable[[str], None]) -> None:
    set_up()
    allow_files(settings.live_sockets)
    bound = _bind(settings.host, settings.port)
    trusted = list(settings.trusted_proxies)
    config = uvicorn.Config(
        make_app(settings, Records()),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=_DRAIN,
        **OPTIONS,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"the certificate {settings.tls_cert} or its key can't be used: {error}") from error
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server)
    serving = asyncio.create_task(server.serve([bound]))
    while not server.started and not serving.done():  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    if server.started:
        scheme = "http" if settings.tls_cert is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        with short_searches():
            ready(f"{scheme}://{host}:{bound.getsockname()[1]}")
            await serving
    await serving


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(f"can't listen on {host}, port {port}: {error.strerror or error}") from error
    # By its protocol asyncio knows that what is small may go at once (TCP_NODELAY), not 40 ms later.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, bound.detach())
