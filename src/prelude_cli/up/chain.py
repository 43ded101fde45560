"""Starts the parts in order, each gated by the health of the one before, shows the rows, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from prelude_cli.up import parts
from prelude_cli.up.running import announced
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from prelude_cli.up.part import Part
    from prelude_cli.up.screen import Screen
    from prelude_cli.up.settings import Settings

__all__ = ["Chain", "shown"]


class _Database(NamedTuple):
    """The environment variables that lead to the database, by what may be done there."""

    owner: Mapping[str, str]
    writer: Mapping[str, str]
    analytics: Mapping[str, str]
    reader: Mapping[str, str]


class Chain:
    """All parts of one run.

    Args:
        settings: what is to run.
        screen: where it shows.
    """

    def __init__(self, settings: Settings, screen: Screen) -> None:
        self._settings = settings
        self._screen = screen
        self._started: list[Part] = []
        self._asked_to_stop = False

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, or until the wanted number of rows has landed.

        A second signal does not wait for anybody any more.

        Raises:
            PreludeError: a part could not be started, or ended by itself; the others are stopped by then.
        """
        work = asyncio.create_task(self._work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, work)
        try:
            await work
        except asyncio.CancelledError:
            if not self._asked_to_stop:
                raise
        except ExceptionGroup as failed:
            raise _first(failed) from failed

    def _signalled(self, work: asyncio.Task[None]) -> None:
        if self._asked_to_stop:
            for part in self._started:
                part.hurry()
        else:
            self._asked_to_stop = True
            self._screen.note("\nstopping …")
            work.cancel()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as watched, AsyncExitStack() as running:
            database = await self._database(watched, running)
            rows = await self._start(parts.tail(self._settings, database.reader), watched, running)
            await self._route(database.writer, watched, running)
            await self._analytics(database, watched, running)
            running.enter_context(announced(self._settings, database.owner, parts.sealing(self._settings)))
            if self._settings.demo:
                await self._demo(watched, running)
            self._say_how()
            await self._show_rows(rows, first=lambda: self._past(database.owner, watched, running))

    async def _start(self, part: Part, watched: asyncio.TaskGroup, running: AsyncExitStack) -> Part:
        self._started.append(part)
        running.push_async_callback(part.stop)
        await part.start()
        watched.create_task(part.watch())
        return part

    async def _database(self, watched: asyncio.TaskGroup, running: AsyncExitStack) -> _Database:
        """A database with our schema."""
        settings = self._settings
        if settings.database is not None:
            migration = await self._start(parts.migration(settings, settings.database), watched, running)
            await migration.watch()
            self._screen.fact("PostgreSQL", shown(settings.database))
            own = {name: os.environ[name] for name in parts.CARE_VARIABLES if name in os.environ}
            return _Database(*[settings.database] * 4)._replace(analytics={**settings.database, **own})
        store = await self._start(parts.embedded_store(settings), watched, running)
        line = await store.first_line(self._screen.note)
        try:
            urls = json.loads(line)
            owner, writer, analytics, reader, care = (
                str(urls[name]) for name in ("url", "writer_url", "analytics_url", "reader_url", "care_url")
            )
        except (ValueError, KeyError, TypeError):
            # Nothing, or something else: it is about to end, and its watch tells why.
            await store.watch()
            raise PreludeError(f"{store.name} did not say where it is, but {line!r}") from None
        self._screen.fact("PostgreSQL", f'embedded, kept in {settings.data / "postgres"};  psql "{reader}"')
        found = _Database(*({"PRELUDE_DATABASE_URL": url} for url in (owner, writer, analytics, reader)))
        return found._replace(analytics={**found.analytics, "PRELUDE_CARE_DATABASE_URL": care})

    async def _route(self, database: Mapping[str, str], watched: asyncio.TaskGroup, running: AsyncExitStack) -> None:
        settings = self._settings
        exporter = await self._start(parts.exporter(settings, database), watched, running)
        await exporter.healthy(f"{settings.at('exporter_http')}/readyz", self._screen.note)
        self._screen.fact("exporter", f"{settings.at('exporter_http')}  (gRPC {settings.ports['exporter_grpc']})")
        if settings.collector is None:
            self._screen.fact("Collector", "none: services send straight to the exporter")
            return
        collector = await self._start(parts.collector(settings), watched, running)
        await collector.healthy(settings.at("collector_health"), self._screen.note)
        self._screen.fact("Collector", f"{settings.endpoint}  (gRPC {settings.ports['collector_grpc']})")

    async def _analytics(self, database: _Database, watched: asyncio.TaskGroup, running: AsyncExitStack) -> None:
        settings, screen = self._settings, self._screen
        sealing = parts.sealing(settings)
        if sealing and not (settings.data / "seal.key").exists():
            made_key = await self._start(parts.seal_key(settings), watched, running)
            await made_key.watch()
        analytics = await self._start(parts.analytics(settings, database.analytics), watched, running)
        await analytics.healthy(f"{settings.at('analytics')}/readyz", self._screen.note)
        screen.fact("dashboard", f"{settings.at('analytics')}/analytics, with the token below")
        screen.fact("analytics", f"{settings.at('analytics')}/api/analytics")
        if settings.database is not None:
            screen.fact("token", "prelude token create --role all")
            return
        made = await self._start(parts.token(settings, database.owner), watched, running)
        line = await made.first_line(self._screen.note)
        try:
            screen.fact("token", str(json.loads(line)["token"]))
        except (ValueError, KeyError, TypeError):
            await made.watch()
            raise PreludeError(f"{made.name} was not made: {line!r}") from None

    async def _past(self, database: Mapping[str, str], watched: asyncio.TaskGroup, running: AsyncExitStack) -> None:
        past = self._settings.past
        if past is None:
            return
        making = await self._start(parts.past(self._settings, past, database), watched, running)

        async def made() -> None:
            if await making.succeeded():
                past.note(self._settings.data, written=True)

        watched.create_task(made())

    async def _demo(self, watched: asyncio.TaskGroup, running: AsyncExitStack) -> None:
        crm = await self._start(parts.crm(self._settings), watched, running)
        await crm.healthy(f"{self._settings.at('crm')}/openapi.json", self._screen.note)
        await self._start(parts.visitor(self._settings), watched, running)
        self._screen.fact("demo CRM", f"{self._settings.at('crm')}/docs, and a visitor who uses it")
        if self._settings.past:
            self._screen.fact(
                "past", f"{self._settings.past.rows:,} made-up rows of the last 30 days, written meanwhile"
            )

    def _say_how(self) -> None:
        screen, settings = self._screen, self._settings
        screen.blank()
        screen.fact("services", f"OTEL_EXPORTER_OTLP_ENDPOINT={settings.endpoint}")
        screen.fact("logs", str(settings.logs))
        screen.fact("stop", "Ctrl-C")

    async def _show_rows(self, rows: Part, first: Callable[[], Awaitable[None]]) -> None:
        """Show rows as they land, and do `first` once the first is there."""
        wanted = self._settings.rows
        landed, begun = 0, False
        while wanted is None or landed < wanted:
            line = await rows.line()
            if not line:
                await rows.watch()
                return
            landed += self._screen.landed(json.loads(line))
            if landed == 1 and not begun:
                begun = True
                await first()


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    """The first fault: what came after it is what it pulled down."""
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def shown(database: Mapping[str, str]) -> str:
    """Where the database is, for a screen: never with its password."""
    url = database.get("PRELUDE_DATABASE_URL")
    if url is None:
        return f"{database.get('ANALYTICS_DB_HOST')}:{database.get('ANALYTICS_DB_PORT', '5432')}"
    if "://" not in url:
        return "as the connection string says"
    split = urlsplit(url)
    user, at, host = split.netloc.rpartition("@")
    return urlunsplit(split._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=""))
