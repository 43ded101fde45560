"""docs/the-command.md names every subcommand, option and variable of `prelude`, and no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points

import click
import pytest

from tests.unit.docs.blocks import ROOT, all_words, section

PAGE = "docs/the-command.md"
COMMANDS: dict[str, click.Command] = {
    entry_point.name: entry_point.load() for entry_point in entry_points(group="prelude.commands")
}


def _all_of(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            yield from _all_of(f"{name} {inner}", subcommand)


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_described_with_just_the_options_that_it_has(name: str) -> None:
    there = {
        option
        for _, command in _all_of(f"prelude {name}", COMMANDS[name])
        for parameter in _options(command)
        for option in parameter.opts
    }
    # A mention of another command, with its option, is no description: those stand in other sections.
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section(PAGE, f"`prelude {name}`"))) - {"--demo"} == there - {
        "--demo"
    }


def test_the_page_has_a_section_for_each_command_and_no_other() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert set(re.findall(r"^## `prelude (\w+)`$", text, re.MULTILINE)) == COMMANDS.keys()


def test_every_subcommand_is_named() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    names = [full for name, command in COMMANDS.items() for full, _ in _all_of(f"prelude {name}", command)]
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_variable_that_an_option_reads_is_named() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    variables = {
        str(parameter.envvar)
        for name, command in COMMANDS.items()
        for _, inner in _all_of(name, command)
        for parameter in _options(inner)
        if parameter.envvar
    }
    assert [variable for variable in sorted(variables) if f"`{variable}`" not in text] == []


def test_every_extra_is_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = {extra for group in re.findall(r"prelude-otel\[([\w,]+)\]", all_words()) for extra in group.split(",")}
    assert said == project["optional-dependencies"].keys()
