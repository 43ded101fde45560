"""Parts that take long to be ready: waited for while they work, with a word, and given up when they do nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from prelude_cli.up import part as parts
from prelude_cli.up.part import Part
from prelude_cli.up.patience import Patience
from prelude_otel.errors import PreludeError

WAITS = "import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)\nprint('ready', flush=True)"


def waiting_part(folder: Path) -> Part:
    """A part that is ready once there is a file ``go`` in `folder`."""
    command = [sys.executable, "-c", WAITS.format(str(folder / "go"))]
    return Part("the sleeper", command, dict(os.environ), folder / "sleeper.log", speaks=True)


def test_what_is_waited_for_is_said_and_waited_for_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LOOK", 0.01)
    monkeypatch.setattr(parts, "_SAY_AFTER", 0.0)
    told = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        (tmp_path / "go").touch()

    async def wait() -> bytes:
        part = waiting_part(tmp_path)
        await part.start()
        try:
            return await part.first_line(tell)
        finally:
            await part.stop()

    assert asyncio.run(wait()) == b"ready\n"
    assert told[0].startswith("  still waiting for the sleeper, ")
    assert "it says nothing" in told[0]
    assert str(tmp_path / "sleeper.log") in told[0]


@pytest.mark.parametrize("healthy", [False, True], ids=["first line", "health page"])
def test_who_does_nothing_is_given_up_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, healthy: bool
) -> None:
    monkeypatch.setattr(parts, "_LOOK", 0.01)
    monkeypatch.setattr(parts, "Patience", partial(Patience, idle=0.0))

    async def wait() -> None:
        part = waiting_part(tmp_path)
        await part.start()
        try:
            await (part.healthy("http://127.0.0.1:1/", print) if healthy else part.first_line(print))
        finally:
            await part.stop()

    missing = "http://127.0.0.1:1/ does not say 200" if healthy else "it says nothing"
    with pytest.raises(
        PreludeError, match=rf"the sleeper is not ready after 0 s, and has done nothing .*: {missing}\."
    ):
        asyncio.run(wait())
