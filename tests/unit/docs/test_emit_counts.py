"""The page for services names each metric that a service offers, and each setting of the spool."""

from __future__ import annotations

import re
from pathlib import Path

from prelude_otel import meters
from prelude_otel.settings import read_settings

DOCS = Path(__file__).parents[3] / "docs"


def test_every_metric_of_a_service_is_on_the_page_and_no_other() -> None:
    page = (DOCS / "instrument-a-service.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(prelude\.(?:activities\.\w+|problems))`", page, re.MULTILINE))
    assert named == {*meters._COUNTERS, meters._WAITING}


def test_the_defaults_of_the_spool_are_those_on_its_page() -> None:
    page = (DOCS / "spool.md").read_text(encoding="utf-8")
    settings = read_settings(environ={})
    assert f"| `PRELUDE_SPOOL_FSYNC` | `{settings.spool_fsync}` |" in page
    assert f"| `PRELUDE_SPOOL_MAX_MIB` | {settings.spool_max_bytes >> 20} |" in page
