from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from prelude_cli.collector.packaged import BUILDER_CONFIG, COLLECTOR_CONFIG
from prelude_cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("flags", "source"), [([], COLLECTOR_CONFIG), (["--builder"], BUILDER_CONFIG)])
def test_the_packaged_settings_are_printed_to_be_saved_and_changed(flags: list[str], source: Path) -> None:
    said = CliRunner().invoke(cli, ["collector", "config", *flags])
    assert (said.exit_code, said.stdout) == (0, source.read_text(encoding="utf-8"))


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the Collector that takes every file but one that holds ``nonsense``."""
    program = tmp_path / "otelcol"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo otelcol version 0.160.0 && exit\n! grep -q nonsense "$3" || { echo unknown component >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("OTELCOL", str(program))


@pytest.mark.usefixtures("judge")
def test_what_the_collector_says_of_a_file_is_passed_on(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("receivers: {otlp: {}}\n")
    said = CliRunner().invoke(cli, ["collector", "validate", str(file)])
    assert (said.exit_code, said.stdout) == (0, f"{file} is valid for otelcol version 0.160.0\n")
    file.write_text("receivers: {nonsense: {}}\n")
    said = CliRunner().invoke(cli, ["collector", "validate", str(file)])
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.endswith("is not valid for " + str(tmp_path / "otelcol") + ":\nunknown component\n")


@pytest.mark.usefixtures("judge")
def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["collector", "validate", "/nowhere.yaml"]).exit_code == 2
