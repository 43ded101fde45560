"""Commands in blocks of shell exist, with the options that they are given."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Final

import click
import pytest
from uvicorn.main import main as uvicorn_command

from prelude_cli.main import cli
from tests.unit.docs.blocks import ROOT, Block, blocks
from tests.unit.docs.curl import read_curl

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRAS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
NOT_OURS: Final = {
    "aws",
    "psql",
    "chromium",
    "createdb",
    "docker",
    "export",
    "otelcol",
    "otelcol-contrib",
    "otelcol-prelude",
    "cd",
    "printf",
    "kill",
}
"""Commands that are somebody else's to keep."""


def _commands(text: str) -> list[str]:
    """Command lines, without comments, here-documents and line breaks in them."""
    text = re.sub(r" <<'(\w+)'\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _simple(line: str) -> list[list[str]]:
    """The words of each command of a line, without variables before it and redirections behind it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            commands.append([])
        elif commands[-1] or not re.match(r"[A-Za-z_]\w*=", word):
            commands[-1].append(word)
    return [words for words in commands if words]


def _check_options(command: click.Command, words: list[str]) -> None:
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }
    given = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
    assert [option for option in given if option not in known] == [], f"{command.name} has {sorted(known)}"


def _prelude(words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{command.name} has no command {words[0]!r}"
        command, words = found, words[1:]
    _check_options(command, words)


def _make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_variable, _ = word.partition("=")
        pattern = rf"^{name} [:?]?=" if is_variable else rf"^{name}:"
        assert re.search(pattern, makefile, re.MULTILINE), f"the Makefile has no {name}"


def _pip(words: list[str]) -> None:
    assert words[0] == "install"
    named = re.findall(r"\[([\w,]+)\]", " ".join(words))
    assert {extra for group in named for extra in group.split(",")} <= EXTRAS.keys()


def _python(words: list[str]) -> None:
    program, options = (words[:2], words[2:]) if words[0] == "-m" else (words[:1], words[1:])
    said = subprocess.run(
        [sys.executable, *program, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert [word for word in options if word.startswith("-") and word not in said] == []


def _uvicorn(words: list[str]) -> None:
    _check_options(uvicorn_command, words)


CHECKS: Final[dict[str, Callable[[list[str]], None]]] = {
    "prelude": _prelude,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "uvicorn": _uvicorn,
}


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_commands_and_their_options_exist(block: Block) -> None:
    for line in _commands(block.text):
        if line.startswith("curl "):
            assert read_curl(line).url
            continue
        for words in _simple(line):
            name = words[0].removeprefix(".venv/bin/")
            assert name in CHECKS or name in NOT_OURS, f"{name!r}: no check knows this command"
            if name in CHECKS:
                CHECKS[name](words[1:])
