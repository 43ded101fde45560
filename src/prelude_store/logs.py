"""Logs of what runs for long: lines for people, or JSON for machines; a trouble that repeats is said once a minute; no secrets."""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

import click

from prelude_otel.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Calm", "JsonFormatter", "TextFormatter", "options", "set_up"]

_OURS: Final = ("prelude_analytics", "prelude_cli", "prelude_exporter", "prelude_otel", "prelude_store")
_LEVELS: Final = ("debug", "info", "warning", "error")
_WINDOW: Final = 60.0
_MOST_KEYS: Final = 500
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

_format_option: Callable[[Any], Any] = click.option(
    "--log-format",
    envvar="PRELUDE_LOG_FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Logs on standard error: lines for people, or an object a line for machines.",
)
_level_option: Callable[[Any], Any] = click.option(
    "--log-level",
    envvar="PRELUDE_LOG_LEVEL",
    type=click.Choice(_LEVELS),
    default="info",
    show_default=True,
    help="The least that is logged.",
)


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command ``--log-format`` and ``--log-level``, for `set_up`."""
    given: Callable[..., Any] = _format_option(_level_option(function))
    return given


def set_up(log_format: str, log_level: str, stream: IO[str] | None = None) -> None:
    """Send what is logged in this process to `stream`, in place of any set-up before.

    Args:
        log_format: ``text`` or ``json``.
        log_level: the least that our own parts say; libraries say warnings and worse.
        stream: standard error by default.
    """
    target = logging.StreamHandler(stream or sys.stderr)
    target.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    if log_format == "json":
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core writes lines of its own
    logging.basicConfig(handlers=[Calm(target)], level=logging.WARNING, force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(log_level.upper())


class TextFormatter(logging.Formatter):
    """Time, level, logger, message; local time, as people read it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record, with its traceback if it has one."""
        return masked(super().format(record))


class JsonFormatter(logging.Formatter):
    """An object a line: time (RFC 3339, UTC), level, logger, message, exception, and whatever came as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        said |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in said}
        return json.dumps(_safe(said))


def _safe(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {masked(str(name)): _safe(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    return value if value is None or isinstance(value, int | float) else masked(str(value))


@dataclass(slots=True)
class _Said:
    """A trouble that has been said, and how often it came again."""

    since: float
    again: int = 0
    last: logging.LogRecord | None = None


class Calm(logging.Handler):
    """Hands records on; a warning or error that repeats is said at once, then once in `window` seconds with its count.

    The same is what comes from one place: one logger, level, wording and kind of exception, whatever its values are.

    Args:
        target: what writes.
        window: in seconds.
    """

    def __init__(self, target: logging.Handler, window: float = _WINDOW) -> None:
        super().__init__()
        self._target = target
        self._window = window
        self._said: dict[tuple[Any, ...], _Said] = {}
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it."""
        if record.levelno < logging.WARNING or self._is_news(record):
            self._target.handle(record)

    def flush(self) -> None:
        """Say what was only counted so far."""
        with self._guard:
            counted = list(self._said)
        for key in counted:
            self._sum_up(key)
        self._target.flush()

    def close(self) -> None:
        """Say the rest, and close."""
        self.flush()
        self._target.close()
        super().close()

    def _is_news(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        key = (record.name, record.levelno, str(record.msg), kind)
        now = time.monotonic()
        with self._guard:
            known = self._said.get(key)
            if known is None or (known.again == 0 and now - known.since >= self._window):
                if len(self._said) >= _MOST_KEYS:
                    self._said = {k: said for k, said in self._said.items() if said.again}
                self._said[key] = _Said(now)
                return True
            known.again += 1
            known.last = record
            if known.again == 1:
                timer = threading.Timer(max(known.since + self._window - now, 0), self._sum_up, [key])
                timer.daemon = True
                timer.start()
            return False

    def _sum_up(self, key: tuple[Any, ...]) -> None:
        with self._guard:
            known = self._said.get(key)
            if known is None or known.last is None:
                return
            self._said[key] = _Said(time.monotonic())
        record = copy.copy(known.last)
        times = "once" if known.again == 1 else f"{known.again} times"
        record.msg, record.args = f"{record.getMessage()} (this came {times} more)", None
        record.repeated = known.again
        self._target.handle(record)
