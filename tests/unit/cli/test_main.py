from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import prelude_cli.main
from prelude_cli.extras import missing_extra
from prelude_cli.main import cli
from prelude_otel.errors import CollectorError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
def breaks() -> None:
    """Break."""
    raise CollectorError("the Collector went home: call it back")


@click.command()
@click.option("--number", type=int)
def says(number: int | None) -> None:
    """Say something."""
    click.echo(f"{number} {os.environ.get('FROM_FILE', '-')} {os.environ.get('FROM_BOTH', '-')}")


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The entry points that `prelude` sees: name to module:object."""
    found = {"breaks": f"{__name__}:breaks", "says": f"{__name__}:says"}
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(
        prelude_cli.main,
        "entry_points",
        lambda group: [EntryPoint(name, value, group) for name, value in found.items()],
    )
    return found


def test_an_error_of_ours_is_one_line_on_standard_error_and_exit_code_1(rooms: dict[str, str]) -> None:
    said = CliRunner().invoke(cli, ["breaks"])
    assert (said.exit_code, said.stdout, said.stderr) == (1, "", "prelude: the Collector went home: call it back\n")


def test_wrong_usage_is_exit_code_2(rooms: dict[str, str]) -> None:
    assert CliRunner().invoke(cli, ["says", "--number", "seven"]).exit_code == 2
    assert CliRunner().invoke(cli, ["sings"]).exit_code == 2


def test_a_missing_extra_names_its_pip_command(
    rooms: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_a_driver.py").write_text("import a_driver_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    rooms["exporter"] = "needs_a_driver:command"
    said = CliRunner().invoke(cli, ["exporter", "--http", "127.0.0.1:1"])
    assert said.exit_code == 1
    assert "pip install 'prelude-otel[exporter]'" in said.stderr
    assert "'a_driver_that_nobody_has'" in said.stderr


def test_the_help_lists_a_command_whose_extra_is_missing(
    rooms: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_more.py").write_text("import more_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    rooms["store"] = "needs_more:command"
    said = CliRunner().invoke(cli, ["--help"])
    assert said.exit_code == 0
    assert "Say something." in said.stdout
    assert "(not installed)" in said.stdout


def test_a_module_of_our_own_that_is_missing_is_no_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError):
        missing_extra("store", ModuleNotFoundError("no", name="prelude_store.command"))
    assert isinstance(missing_extra("store", ModuleNotFoundError("no", name="psycopg.rows")), MissingExtraError)


def test_a_file_env_is_read_and_the_environment_wins_over_it(
    rooms: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=file\nFROM_BOTH=file\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FROM_BOTH", "environment")
    monkeypatch.setenv("FROM_FILE", "")
    monkeypatch.delenv("FROM_FILE")
    assert CliRunner().invoke(cli, ["says", "--number", "7"]).stdout == "7 file environment\n"


def test_the_version_is_the_distributions() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"prelude, version {version('prelude-otel')}\n"


def test_the_command_starts_without_importing_a_room() -> None:
    code = "import sys, prelude_cli.main; print([n for n in sys.modules if n.startswith(('prelude_store', 'prelude_exporter', 'psycopg', 'grpc'))])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
