"""The compiled part is used where it fits, and said where it does not."""

from __future__ import annotations

import logging
import sys
import tomllib
from collections.abc import Iterator
from types import ModuleType

import pytest

from prelude_otel.errors import ConfigurationError
from prelude_store.native import PRELUDE_NATIVE, native
from tests.unit.docs.blocks import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture(autouse=True)
def chosen_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(PRELUDE_NATIVE, raising=False)
    native.cache_clear()
    yield
    native.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, version: str) -> ModuleType:
    module = ModuleType("prelude_native")
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "prelude_native", module)
    return module


def test_one_of_the_same_version_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    module = installed(monkeypatch, VERSION)
    assert native().module is module
    assert str(native()) == f"in Rust (prelude-otel-native {VERSION})"


def test_one_of_another_version_is_not_used_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed(monkeypatch, "0.0.1")
    with caplog.at_level(logging.WARNING):
        assert native().module is None
    assert f"prelude-otel-native is of version 0.0.1, prelude-otel of {VERSION}" in caplog.text


def test_where_there_is_none_that_is_nothing_to_warn_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "prelude_native", None)  # as Python marks what can't be imported
    assert str(native()) == "in Python (prelude-otel-native is not installed)"
    assert caplog.text == ""


def test_off_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, VERSION)
    monkeypatch.setenv(PRELUDE_NATIVE, "off")
    assert str(native()) == "in Python (PRELUDE_NATIVE is off)"


def test_other_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRELUDE_NATIVE, "maybe")
    with pytest.raises(ConfigurationError, match="PRELUDE_NATIVE is 'maybe'"):
        native()


def test_all_that_name_its_version_name_the_same() -> None:
    read = {
        path: tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
        for path in ("pyproject.toml", "native/pyproject.toml")
    }
    crate = tomllib.loads((ROOT / "native/Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
    assert read["native/pyproject.toml"]["project"]["version"] == crate == VERSION
    assert read["pyproject.toml"]["project"]["optional-dependencies"]["native"] == [f"prelude-otel-native=={VERSION}"]
