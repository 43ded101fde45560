"""collector-config.yaml and builder-config.yaml: valid, and the same in the repository and in the package."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from prelude_cli.collector.packaged import BUILDER_CONFIG, COLLECTOR_CONFIG, builder_version
from tests.support.collector import BUILD_TIMEOUT, running_collector
from tests.support.otlp import log_record, post_logs, python_value
from tests.support.sink import running_sink

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT)

ROOT = Path(__file__).parents[3]


def test_the_packaged_collector_config_is_the_one_at_the_top() -> None:
    assert COLLECTOR_CONFIG.read_bytes() == (ROOT / "collector-config.yaml").read_bytes()


def test_the_packaged_builder_config_is_the_one_in_its_folder() -> None:
    assert BUILDER_CONFIG.read_bytes() == (ROOT / "collector" / "builder-config.yaml").read_bytes()


def test_every_module_of_the_collector_is_of_the_builders_release() -> None:
    recipe = yaml.safe_load(BUILDER_CONFIG.read_text(encoding="utf-8"))
    kinds = ("receivers", "processors", "exporters", "extensions")
    versions = {component["gomod"].split()[1] for kind in kinds for component in recipe[kind]}
    assert versions == {f"v{builder_version()}"}


def test_the_collector_calls_the_config_valid(collector_program: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [collector_program, "validate", "--config", COLLECTOR_CONFIG],
        env=os.environ | {"PRELUDE_COLLECTOR_STORAGE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_every_address_is_on_loopback_by_default() -> None:
    settings = COLLECTOR_CONFIG.read_text(encoding="utf-8")
    addresses = re.findall(r"(?:endpoint|host): \$\{env:\w+:-([^}]+)\}", settings)
    assert len(addresses) == 5
    assert all(address.startswith("127.0.0.1") for address in addresses)


def test_the_example_that_masks_a_field_inside_the_action_data_works(collector_program: Path, tmp_path: Path) -> None:
    config = tmp_path / "masked.yaml"
    config.write_text(with_the_mask(COLLECTOR_CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
    with (
        running_collector(collector_program, tmp_path, config=config) as collector,
        running_sink(collector.exporter) as sink,
    ):
        data = {"to_email": "customer@company.com", "method": "smtp"}
        assert post_logs(collector.http, log_record("prelude.crm.send_email", {"prelude.action.data": data})) == 200
        assert post_logs(collector.http, log_record("prelude.crm.view_deal", {"prelude.entity.id": "7"})) == 200
        sink.wait_for(lambda: len(sink.records) == 2)
        sent, viewed = sorted(sink.records, key=lambda record: record.event_name)
    assert python_value(sent.attributes[0].value) == {"to_email": "****", "method": "smtp"}
    assert [each.key for each in viewed.attributes] == ["prelude.entity.id"]


def with_the_mask(settings: str) -> str:
    """The settings with the commented example made live, as its comment says."""
    lines = settings.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip() == "# transform/mask:")
    last = next(number for number in range(first, len(lines)) if not lines[number].strip())
    lines[first:last] = [line.replace("  # ", "  ", 1) for line in lines[first:last]]
    live = "\n".join(lines)
    return live.replace("processors: [memory_limiter]\n", "processors: [memory_limiter, transform/mask]\n")


def examples() -> list[str]:
    page = (ROOT / "docs" / "run-the-collector.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(examples())))
def test_the_examples_of_the_documentation_are_valid_beside_the_config(
    collector_program: Path, tmp_path: Path, number: int
) -> None:
    example = tmp_path / "example.yaml"
    example.write_text(examples()[number], encoding="utf-8")
    said = subprocess.run(
        [collector_program, "validate", "--config", COLLECTOR_CONFIG, "--config", example],
        env=os.environ | {"PRELUDE_COLLECTOR_STORAGE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_the_documentation_names_every_variable_of_the_config_with_its_default() -> None:
    page = (ROOT / "docs" / "run-the-collector.md").read_text(encoding="utf-8")
    config = COLLECTOR_CONFIG.read_text(encoding="utf-8")
    wanted = dict(re.findall(r"\$\{env:(\w+):-([^}]+)\}", config))
    assert wanted
    assert [name for name, default in wanted.items() if f"`{name}`" not in page or f"`{default}`" not in page] == []
