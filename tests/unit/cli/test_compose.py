"""docker-compose.yml, held against the schema of the Compose Specification.

compose-spec.json is that project's schema/compose-spec.json (Apache-2.0) as of commit 170098ba07d9.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]


def test_it_is_a_compose_file() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(FILE)


def test_no_password_stands_in_it() -> None:
    given = re.findall(r"^\s*\w*PASSWORD\w*: (.*)$", TEXT, re.MULTILINE)
    assert len(given) == 13
    assert all(
        re.fullmatch(r"\$\{\w+_PASSWORD:\?set \w+_PASSWORD, in the environment or in \.env\}", each) for each in given
    )
    assert re.findall(r"postgresql://[^@/]*:[^@/]*@", TEXT) == []


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", ["postgres", "exporter", "analytics", "collector-health", "crm"])
def test_what_stays_has_a_health_check(name: str) -> None:
    assert "test" in SERVICES[name]["healthcheck"]


def test_every_start_waits_for_the_health_or_the_end_of_what_it_needs() -> None:
    conditions = {
        (name, needed): how["condition"]
        for name, service in SERVICES.items()
        for needed, how in service.get("depends_on", {}).items()
    }
    assert conditions == {
        ("migrate", "postgres"): "service_healthy",
        ("writer-login", "migrate"): "service_completed_successfully",
        ("exporter", "writer-login"): "service_completed_successfully",
        ("analytics-login", "migrate"): "service_completed_successfully",
        ("care-login", "migrate"): "service_completed_successfully",
        ("analytics", "analytics-login"): "service_completed_successfully",
        ("analytics", "care-login"): "service_completed_successfully",
        ("analytics", "seal-key"): "service_completed_successfully",
        ("verify", "migrate"): "service_completed_successfully",
        ("token", "migrate"): "service_completed_successfully",
        ("collector", "collector-queue"): "service_completed_successfully",
        ("collector", "exporter"): "service_healthy",
        # The Collector's image can't check itself; collector-health does.
        ("collector-health", "collector"): "service_started",
        ("crm", "collector-health"): "service_healthy",
    }


def test_the_collector_is_the_official_one_of_the_builders_release() -> None:
    recipe = yaml.safe_load((ROOT / "collector" / "builder-config.yaml").read_text(encoding="utf-8"))
    assert SERVICES["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{recipe['dist']['version']}"


def test_the_collector_is_given_only_variables_that_its_config_reads() -> None:
    config = (ROOT / "collector-config.yaml").read_text(encoding="utf-8")
    assert set(SERVICES["collector"]["environment"]) <= set(re.findall(r"\$\{env:(\w+)", config))


def test_every_mounted_file_is_there() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    files = [ROOT / each for each in mounted if each.startswith("./")]
    assert len(files) == 4
    assert all(each.is_file() for each in files)


def test_analytics_is_at_both_of_the_references_addresses() -> None:
    assert SERVICES["analytics"]["ports"] == ["127.0.0.1:8005:8005", "127.0.0.1:8000:8005"]


def test_services_know_no_database() -> None:
    assert not [name for name in SERVICES["crm"]["environment"] if "DATABASE_URL" in name or "PASSWORD" in name]


def test_the_key_of_seals_is_made_once_and_only_who_seals_sees_it() -> None:
    holders = {
        name: [each for each in service.get("volumes", []) if each.startswith("seal-key:")]
        for name, service in SERVICES.items()
    }
    assert {name: found for name, found in holders.items() if found} == {
        "seal-key": ["seal-key:/var/lib/prelude-seal"],
        "analytics": ["seal-key:/var/lib/prelude-seal:ro"],
    }
    assert "--once" in SERVICES["seal-key"]["command"]
    assert SERVICES["seal-key"]["command"][-1] == SERVICES["analytics"]["environment"]["PRELUDE_SEAL_KEY_FILE"]


def test_every_volume_of_ours_is_mounted_where_the_image_has_a_folder_of_its_user() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    owned = set(re.findall(r"(/var/lib/prelude\S*)", " ".join(re.findall(r"install -d -o prelude (.*)", image))))
    mounted = {
        volume.split(":")[1]
        for service in SERVICES.values()
        if service.get("image", "").startswith("prelude-otel")
        for volume in service.get("volumes", [])
    }
    assert mounted == owned


def test_every_volume_is_declared_and_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith("./")} == FILE["volumes"].keys()


def test_the_image_has_what_seals_and_buckets_need() -> None:
    extras = [
        set(re.findall(r"--extra (\S+)", line))
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if "uv sync" in line
    ]
    assert extras == [{"exporter", "analytics", "seals", "s3", "demo"}] * 2
