"""Ports: free ones are chosen for 0, taken ones are named before anything starts."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Final

from prelude_cli.up.settings import PORTS
from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from prelude_cli.up.settings import Settings

__all__ = ["check_ports", "choose_ports"]

_FREE: Final = range(31_000, 32_768)
"""Below what systems give to connections: none of those takes a port in the time until a part listens at it."""
_TRIES: Final = 100


def choose_ports(wanted: dict[str, int]) -> dict[str, int]:
    """`wanted`, with a free port in the place of each 0.

    The sockets are all held until the last is chosen, so that no port is given twice.
    """
    held: list[socket.socket] = []
    try:
        chosen = {}
        for key, port in wanted.items():
            if port == 0:
                held.append(_bind_free())
                chosen[key] = held[-1].getsockname()[1]
            else:
                chosen[key] = port
        return chosen
    finally:
        for each in held:
            each.close()


def check_ports(settings: Settings) -> None:
    """Raise `ConfigurationError` for the first port of this run that is taken, or wanted twice."""
    seen: dict[int, str] = {}
    for port_flag in PORTS:
        if not settings.uses(port_flag.key):
            continue
        port = settings.ports[port_flag.key]
        if port in seen:
            raise ConfigurationError(f"port {port} is given twice, by {seen[port]} and by {port_flag.flag}")
        seen[port] = port_flag.flag
        try:
            _bind(port).close()
        except OSError as error:
            raise ConfigurationError(
                f"port {port} ({port_flag.what}) can't be used: {error.strerror or error}. End what listens there, or choose another: "
                f"prelude up {port_flag.flag} PORT (or {port_flag.variable}=PORT; 0 takes a free one)"
            ) from error


def _bind_free() -> socket.socket:
    for port in random.sample(_FREE, _TRIES):
        try:
            return _bind(port)
        except OSError:
            continue
    return _bind(0)


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # As the servers do: a connection that lingers after a stop does not count as taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
