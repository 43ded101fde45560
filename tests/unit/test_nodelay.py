"""Small answers leave at once: no server of ours waits for a client's acknowledgement before it sends the rest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from prelude_analytics import server as analytics
from prelude_exporter import server as exporter
from prelude_exporter.settings import Address


@pytest.mark.parametrize(
    "bind",
    [lambda: analytics._bind("127.0.0.1", 0), lambda: exporter._bind(Address("127.0.0.1", 0))],
    ids=["analytics", "exporter"],
)
def test_an_accepted_connection_sends_without_delay(bind: Callable[[], socket.socket]) -> None:
    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        bound = bind()
        async with await asyncio.start_server(met, sock=bound):
            _, writer = await asyncio.open_connection(*bound.getsockname())
            try:
                return await found
            finally:
                writer.close()

    assert asyncio.run(accepted()) != 0
