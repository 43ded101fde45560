"""What the exporter does beside requests: partitions ahead, joins that waited too long, and looking whether the database is back."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import psycopg

from prelude_exporter.settings import Settings
from prelude_exporter.threads import in_thread
from prelude_exporter.watch.metrics import Metrics
from prelude_exporter.watch.readiness import Readiness
from prelude_otel.errors import PreludeError, StoreUnavailableError
from prelude_store import gauges, joins, migrations, partitions, sweep
from prelude_store.connection import connect, said
from prelude_store.quarantine import purge
from prelude_store.writer import Writer

__all__ = ["maintain", "measure", "prepare", "watch"]

_log = logging.getLogger(__name__)
_APPLICATION: Final = "prelude-exporter-upkeep"
_WATCH: Final = 1.0
_REHEARSAL: Final = 2.0
_ROUND: Final = 60
"""Seconds that one task of upkeep may take."""
_SAID: Final = 5
"""Ids that came twice, of one portion, that the log names."""
_TIMEOUTS: Final = {"statement_timeout": f"{_ROUND}s", "lock_timeout": "5s"}


def prepare(settings: Settings) -> list[str]:
    """Have the database ready before the first request: migrations when asked for, schema check, partitions ahead.

    Returns:
        Names of the migrations that were applied.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreError: the database refuses or is away.
    """
    applied = migrations.migrate(settings.database_url) if settings.migrate else []
    with connect(settings.database_url, _APPLICATION, **_TIMEOUTS) as connection, connection.answer_within(_ROUND):
        try:
            migrations.check(connection)
            partitions.ensure_ahead(connection)
        except psycopg.Error as error:
            raise StoreUnavailableError(f"the database is not as it must be: {said(error)}") from error
    return applied


async def maintain(settings: Settings, metrics: Metrics) -> None:
    """Every ``settings.maintenance`` seconds: partitions ahead, what waited or was kept too long let go, ids looked for that came twice."""
    while True:
        await asyncio.sleep(settings.maintenance)
        # Each for itself: a partition that can't be made shall not keep every join for ever.
        for work in (_make_partitions, _expire_joins, _expire_quarantine, _sweep):
            try:
                await in_thread(work, settings, metrics)
            except (PreludeError, psycopg.Error) as error:
                metrics.upkeep_failures.inc()
                _log.warning("upkeep of the database failed, and is tried again: %s", error)
            except Exception:  # noqa: BLE001 (whatever it is, the next round may go well)
                metrics.upkeep_failures.inc()
                _log.exception("upkeep of the database failed in an unforeseen way, and is tried again")


def _make_partitions(settings: Settings, _metrics: Metrics) -> None:
    with (
        connect(settings.database_url, _APPLICATION, **_TIMEOUTS) as connection,
        connection.answer_within(_ROUND),
    ):
        partitions.ensure_ahead(connection)


def _expire_joins(settings: Settings, metrics: Metrics) -> None:
    with (
        connect(settings.database_url, _APPLICATION, **_TIMEOUTS) as connection,
        connection.answer_within(_ROUND),
    ):
        metrics.expired.inc(joins.expire(connection, settings.span_window).rows_without_duration)


def _expire_quarantine(settings: Settings, metrics: Metrics) -> None:
    if settings.quarantine_keep is None:
        return
    with (
        connect(settings.database_url, _APPLICATION, statement_timeout=f"{_ROUND}s") as connection,
        connection.answer_within(_ROUND),
    ):
        gone = purge.expire(connection, settings.quarantine_keep)
    metrics.quarantine_expired.inc(gone)
    if gone:
        _log.warning("%d entries of the quarantine were kept for %s, and are gone", gone, settings.quarantine_keep)


def _sweep(settings: Settings, metrics: Metrics) -> None:
    ends = time.monotonic() + _ROUND / 2  # the next round goes on from there
    with connect(settings.database_url, _APPLICATION, statement_timeout=f"{_ROUND}s") as connection:
        while time.monotonic() < ends:
            with connection.answer_within(_ROUND):
                swept = sweep.sweep(connection)
            metrics.repeated_ids.inc(len(swept.found))
            for pair in swept.found[:_SAID]:
                _log.warning("id %s stands in the log at %s and at %s", *pair)
            if len(swept.found) > _SAID:
                _log.warning("%d more ids stand in the log at two times", len(swept.found) - _SAID)
            if not swept.places:
                return


async def measure(settings: Settings, metrics: Metrics) -> None:
    """At once, and every ``settings.measuring`` seconds: tell `metrics` what waits in the database."""
    while True:
        try:
            metrics.measured(await in_thread(_look, settings.database_url))
        except (PreludeError, psycopg.Error) as error:
            # A database that is away is said by those who write to it; its figures stay as they were.
            _log.debug("could not look into the database: %s", error)
        except Exception:  # noqa: BLE001 (as above)
            _log.exception("looking into the database failed in an unforeseen way, and is tried again")
        await asyncio.sleep(settings.measuring)


def _look(database_url: str) -> gauges.Gauges:
    with (
        connect(database_url, _APPLICATION, statement_timeout="2s") as connection,
        connection.answer_within(_REHEARSAL + 1),
    ):
        return gauges.measure(connection)


async def watch(settings: Settings, readiness: Readiness) -> None:
    """While the last write has failed, look every second whether the next one would succeed: without requests nobody else would."""
    while True:
        await asyncio.sleep(_WATCH)
        failures = readiness.failures
        if not readiness.write_failed or not await in_thread(_could_write, settings):
            continue
        # What a real write met meanwhile counts for more: a full disk may have room for one row.
        if readiness.failures == failures and readiness.green():
            _log.warning("the database can be written to again")


def _could_write(settings: Settings) -> bool:
    writer = Writer(settings.database_url, statement_timeout=_REHEARSAL, application_name=_APPLICATION)
    try:
        writer.rehearse()
    except PreludeError:
        return False
    finally:
        writer.close()
    return True
