"""Work that goes on for ever beside a database that does not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.errors import InsufficientPrivilege

from prelude_otel.errors import ConfigurationError, StoreError
from prelude_store.connection import said
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

__all__ = ["persevere"]

_AGAIN: Final = 5.0
"""Seconds until it looks again at a database that is away, or not as it must be."""
_log = logging.getLogger(__name__)


def persevere(
    work: Callable[[Event], None], stop: Event, conninfo: str, what: str, role: str = "prelude_keeper"
) -> None:
    """Do `work`, which connects and returns when `stop` is set, again and again until it is; what is wrong is logged.

    Args:
        conninfo: where `work` connects, for the log.
        what: is kept by it, for the log.
        role: that its login needs, for the log.
    """
    while not stop.is_set():
        try:
            work(stop)
        except InsufficientPrivilege as error:
            _log.error("this login may not keep %s: GRANT %s TO it (%s)", what, role, said(error))
        except psycopg.Error as error:
            _log.warning("lost %s: %s", target(conninfo), said(error))
        except (ConfigurationError, StoreError) as error:
            _log.warning("keeping %s waits: %s", what, error)
        except Exception:  # noqa: BLE001 (else a fault of ours ends the thread unseen)
            _log.exception("%s could not be kept; trying again", what)
        stop.wait(_AGAIN)
