"""collector-config.yaml and builder-config.yaml: valid, and the same in the repository and in the package."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prelude_cli.collector.packaged import BUILDER_CONFIG, COLLECTOR_CONFIG, builder_version
from tests.support.collector import BUILD_TIMEOUT, running_collector
from tests.support.otlp import attributes, log_record, post_logs, post_spans, python_value, span
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


SENT = {
    "prelude.action.data": {"to_email": "customer@company.com", "method": "smtp"},
    "user.email": "user@company.com",
    "client.address": "203.0.113.7",
}
SALTED = hashlib.sha256(b"some saltuser@company.com").hexdigest()


def masked_record(program: Path, folder: Path, config: Path, *overlays: Path) -> dict[str, Any]:
    """What becomes of `SENT`."""
    salt = {"PRELUDE_COLLECTOR_SALT": "some salt"}
    with (
        running_collector(program, folder, config=config, overlays=overlays, environment=salt) as collector,
        running_sink(collector.exporter) as sink,
    ):
        assert post_logs(collector.http, log_record("prelude.crm.send_email", SENT)) == 200
        assert post_logs(collector.http, log_record("prelude.crm.view_deal", {"prelude.entity.id": "7"})) == 200
        sink.wait_for(lambda: len(sink.records) == 2)
        sent, viewed = sorted(sink.records, key=lambda record: record.event_name)
    assert [each.key for each in viewed.attributes] == ["prelude.entity.id"]
    return {each.key: python_value(each.value) for each in sent.attributes}


def test_the_example_that_masks_personal_data_works(collector_program: Path, tmp_path: Path) -> None:
    config = tmp_path / "masked.yaml"
    config.write_text(with_the_mask(COLLECTOR_CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
    wanted = {"prelude.action.data": {"to_email": "****", "method": "smtp"}, "user.email": SALTED}
    assert masked_record(collector_program, tmp_path, config) == wanted
    documented = tmp_path / "documented.yaml"
    documented.write_text(next(text for text in examples() if "transform/mask:" in text), encoding="utf-8")
    assert masked_record(collector_program, tmp_path, COLLECTOR_CONFIG, documented) == wanted


def test_the_example_that_masks_span_events_works(collector_program: Path, tmp_path: Path) -> None:
    documented = tmp_path / "documented.yaml"
    documented.write_text(next(text for text in examples() if "mask_span_events:" in text), encoding="utf-8")
    values = SENT | {"prelude.action.data": json.dumps(SENT["prelude.action.data"])}
    activities = [
        Span.Event(name="prelude.crm.send_email", attributes=attributes(values)),
        Span.Event(name="prelude.crm.view_deal", attributes=attributes({"prelude.entity.id": "7"})),
    ]
    with (
        running_collector(collector_program, tmp_path, overlays=[documented]) as collector,
        running_sink(collector.exporter) as sink,
    ):
        assert post_spans(collector.http, span("POST /emails", events=activities)) == 200
        sink.wait_for(lambda: len(sink.spans) == 1)
        sent, viewed = sink.spans[0].events
    assert {each.key: python_value(each.value) for each in sent.attributes} == {
        "prelude.action.data": {"to_email": "****", "method": "smtp"},
        "user.email": "user@company.com",
    }
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
    pages = ("run-the-collector.md", "secure-the-wire.md")
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in pages)
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


def test_the_documentation_names_every_variable_of_the_secure_config_with_its_default() -> None:
    page = (ROOT / "docs" / "secure-the-wire.md").read_text(encoding="utf-8")
    config = (ROOT / "deploy" / "collector-secure.yaml").read_text(encoding="utf-8")
    wanted = dict(re.findall(r"\$\{env:(\w+):-([^}]*)\}", config))
    assert len(wanted) > 10
    assert [n for n, default in wanted.items() if f"`{n}`" not in page or (default and f"`{default}" not in page)] == []


def test_the_secure_config_treats_the_queue_as_the_default_one_does() -> None:
    default = yaml.safe_load(COLLECTOR_CONFIG.read_text(encoding="utf-8"))["exporters"]["otlp_grpc"]
    secure = yaml.safe_load((ROOT / "deploy" / "collector-secure.yaml").read_text(encoding="utf-8"))["exporters"]
    for name in ("otlp_grpc/billing", "otlp_grpc/crm"):
        for part in ("endpoint", "timeout", "sending_queue", "retry_on_failure"):
            assert secure[name][part] == default[part]
