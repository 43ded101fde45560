"""What services import does not change unnoticed: `public_api.txt` is the promise.

After an intended change: PRELUDE_TEST_UPDATE_API=1 pytest tests/unit/emit/test_public_api.py
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import prelude_otel
from prelude_otel import compat, testing

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def described(module: Any) -> list[str]:
    """One line for each public name, and for each public method of a class."""
    lines = []
    for name in sorted(module.__all__):
        thing = getattr(module, name)
        path = f"{module.__name__}.{name}"
        if not callable(thing):
            lines.append(f"{path}: {type(thing).__name__}")
            continue
        is_error = inspect.isclass(thing) and issubclass(thing, Exception)
        lines.append(path if is_error else f"{path}{inspect.signature(thing)}")
        if inspect.isclass(thing):
            members = [(key, value) for key, value in vars(thing).items() if not key.startswith("_")]
            lines += [f"{path}.{key}{inspect.signature(value)}" for key, value in members if inspect.isfunction(value)]
            lines += [f"{path}.{key}" for key, value in members if isinstance(value, property)]
    return lines


def test_the_public_api_is_what_was_promised() -> None:
    text = "\n".join(line for module in (prelude_otel, compat, testing) for line in described(module)) + "\n"
    if os.environ.get("PRELUDE_TEST_UPDATE_API"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def test_every_public_name_has_a_docstring() -> None:
    for module in (prelude_otel, compat, testing):
        for name in module.__all__:
            assert inspect.getdoc(getattr(module, name)), name
