from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from prelude_cli.collector.cache import cached_binary
from prelude_cli.collector.command import command
from prelude_cli.collector.find import NAMES, find_collector
from prelude_cli.main import cli
from prelude_otel.errors import CollectorError

if TYPE_CHECKING:
    from pathlib import Path


def program(path: Path, said: str = "otelcol version 0.160.0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and an empty cache."""
    (tmp_path / "bin").mkdir()
    monkeypatch.delenv("OTELCOL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PRELUDE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_nothing_is_found_on_a_bare_machine_and_the_command_says_how_to_get_one() -> None:
    assert find_collector() is None
    said = CliRunner().invoke(cli, ["collector"])
    assert said.exit_code == 1
    assert said.stderr.rstrip().endswith("Build one: prelude collector build")


def test_the_order_is_variable_then_names_on_path_then_cache(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    places = [cached_binary(), *(bare_machine / "bin" / name for name in reversed(NAMES)), bare_machine / "mine"]
    for place in places:
        program(place)
        if place.name == "mine":
            monkeypatch.setenv("OTELCOL", str(place))
        found.append(find_collector())
    assert [each and each.path for each in found] == places
    assert [each and each.source for each in found] == ["cache", "PATH", "PATH", "PATH", "$OTELCOL"]


def test_a_variable_that_names_no_program_is_an_error_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELCOL", "/nowhere/otelcol")
    with pytest.raises(CollectorError, match="OTELCOL=/nowhere/otelcol is no program"):
        find_collector()


def test_a_machine_can_read_where_it_is(bare_machine: Path) -> None:
    path = program(bare_machine / "bin" / "otelcol-contrib", "otelcol-contrib version 0.160.0")
    said = CliRunner().invoke(command, ["--json"])
    assert json.loads(said.stdout) == {
        "path": str(path),
        "source": "PATH",
        "version": "otelcol-contrib version 0.160.0",
    }


def test_a_program_that_can_not_be_run_is_named(bare_machine: Path) -> None:
    program(bare_machine / "bin" / "otelcol").write_text("#!/bin/sh\nexit 3\n")
    said = CliRunner().invoke(cli, ["collector"])
    assert said.exit_code == 1
    assert f"{bare_machine}/bin/otelcol (from PATH) can't be run" in said.stderr


def test_the_cache_is_the_users_by_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PRELUDE_CACHE_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cached_binary().is_relative_to(tmp_path / "xdg" / "prelude-otel" / "collector")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cached_binary().is_relative_to(tmp_path / ".cache" / "prelude-otel" / "collector")
