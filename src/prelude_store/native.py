"""The compiled part (`native/`, package ``prelude-otel-native``): whether it is used, and if not, why."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from prelude_otel.errors import ConfigurationError

__all__ = ["PRELUDE_NATIVE", "Native", "native"]

PRELUDE_NATIVE: Final = "PRELUDE_NATIVE"
"""Environment variable: ``auto`` uses the compiled part where it is installed, ``off`` never."""

_log = logging.getLogger(__name__)
_MODULE: Final = "prelude_native"


@dataclass(frozen=True, slots=True)
class Native:
    """What was found.

    Args:
        module: ``prelude_native``; None where it is not used.
        version: of it, where it is used.
        why_not: why it is not used, for a person.
    """

    module: Any = None
    version: str | None = None
    why_not: str | None = None

    def __str__(self) -> str:
        return f"in Python ({self.why_not})" if self.module is None else f"in Rust (prelude-otel-native {self.version})"


@cache
def native() -> Native:
    """The compiled part, chosen once in a process.

    Raises:
        ConfigurationError: ``PRELUDE_NATIVE`` is neither ``auto`` nor ``off``.
    """
    chosen = os.environ.get(PRELUDE_NATIVE) or "auto"
    if chosen == "off":
        return Native(why_not=f"{PRELUDE_NATIVE} is off")
    if chosen != "auto":
        raise ConfigurationError(f"{PRELUDE_NATIVE} is {chosen!r}; it is either 'auto' or 'off'")
    return _found(_version())


def _found(ours: str | None) -> Native:
    try:
        module: Any = import_module(_MODULE)
    except ModuleNotFoundError:
        return Native(why_not="prelude-otel-native is not installed")
    except ImportError as error:
        return _refused(f"prelude-otel-native can't be loaded: {error}")
    theirs = getattr(module, "__version__", None)
    if theirs != ours:
        return _refused(
            f"prelude-otel-native is of version {theirs}, prelude-otel of {ours}; install the one of the same version"
        )
    return Native(module, theirs)


def _refused(why_not: str) -> Native:
    _log.warning("%s; rows are made in Python, which is slower", why_not)
    return Native(why_not=why_not)


def _version() -> str | None:
    try:
        return version("prelude-otel")
    except PackageNotFoundError:
        return None
