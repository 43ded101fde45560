"""Blocking work beside the event loop, in threads that keep nobody from leaving."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

__all__ = ["in_thread", "leave"]

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


async def in_thread(work: Callable[_Given, _Result], *args: _Given.args, **options: _Given.kwargs) -> _Result:
    """What `work` returns or raises. Unlike `asyncio.to_thread`, whose threads are waited for when the process ends: for ever, where
    a database hangs.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(error)

    def run() -> None:
        result, problem = None, None
        try:
            result = work(*args, **options)
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name=f"prelude-{work.__name__.strip('_')}", daemon=True).start()
    return await future


def leave() -> NoReturn:
    """End the process with 0, now: all is answered and said. The interpreter's own end waits for locks that gRPC's threads, or a writer's
    with a database that hangs, may hold for ever.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
