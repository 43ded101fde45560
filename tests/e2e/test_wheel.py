"""The built wheel, installed in an empty environment outside the tree, runs the demo from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from prelude_cli.collector.packaged import BUILDER_CONFIG, COLLECTOR_CONFIG
from tests.support.up import left_of, running_up

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    assert UV, "the environment has no uv"
    subprocess.run([UV, "build", "--wheel", "--quiet", "--out-dir", out, ROOT], check=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_carries_what_up_needs_and_no_tests(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    wanted = [f"prelude_cli/collector/{path.name}" for path in (BUILDER_CONFIG, COLLECTOR_CONFIG)]
    wanted += ["prelude_otel/py.typed", "prelude_otel/catalogue/builtin.toml", "prelude_demo_crm/app.py"]
    assert [name for name in wanted if name not in names] == []
    assert any(name.startswith("prelude_store/migrations/") and name.endswith(".sql") for name in names)
    assert [name for name in names if name.startswith("tests/")] == []


def test_the_installed_wheel_runs_the_demo_from_an_empty_folder(wheel: Path) -> None:
    assert UV, "the environment has no uv"
    with tempfile.TemporaryDirectory(prefix="prelude-wheel-") as folder:
        venv, empty = Path(folder) / "venv", Path(folder) / "empty"
        empty.mkdir()
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
        python = venv / "bin" / "python"
        install = [UV, "pip", "install", "--quiet", "--python", str(python), f"prelude-otel[all] @ {wheel.as_uri()}"]
        subprocess.run(install, check=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        flags = ("--demo", "--no-collector", "--rows", "5")
        with running_up(empty / "data", *flags, program=[venv / "bin" / "prelude"], cwd=empty, environment=clean) as up:
            assert up.end() == 0, "\n".join(up.err)
        assert len(up.rows) == 5
        assert left_of(empty / "data") == []
        assert [path.name for path in empty.iterdir()] == ["data"]
