"""Lets people come and go, a step of one after a step of another, by the dice of one seed."""

from __future__ import annotations

import secrets
import time
from itertools import count
from random import Random
from threading import Event

import click
import httpx

from prelude_demo_crm.visitor.browser import Browser
from prelude_demo_crm.visitor.habits import HABITS, Habit, Steps
from prelude_demo_crm.visitor.people import PEOPLE, Person


class NobodyHomeError(Exception):
    """The CRM has not come up in time."""


class Visits:
    """Everybody's visits to one CRM.

    Args:
        client: the connection to the CRM.
        seed: the same seed makes the same requests, each time in sessions of their own.
        pace: seconds between two requests.
        patience: seconds to wait for a CRM that is not up.
        stop: once set, everybody leaves.
        verbose: print each request with its answer.
    """

    def __init__(
        self, client: httpx.Client, *, seed: int, pace: float, patience: float, stop: Event, verbose: bool = False
    ) -> None:
        self._client = client
        self._rng = Random(seed)  # noqa: S311 (habits are no secret)
        self._pace = pace
        self._patience = patience
        self._stop = stop
        self._verbose = verbose

    def run(self, visits: int | None = None) -> None:
        """Let each person visit `visits` times (None: until stopped). On the first visit everybody tries everything.

        Raises:
            NobodyHomeError: the CRM is not there.
        """
        self._wait_for_the_crm()
        coming = [self._person(person, visits) for person in PEOPLE]
        while coming and not self._stop.is_set():
            somebody = self._rng.choice(coming)
            try:
                next(somebody)
            except StopIteration:
                coming.remove(somebody)
                continue
            self._stop.wait(self._pace)

    def _person(self, person: Person, visits: int | None) -> Steps:
        for number in range(visits) if visits is not None else count():
            browser = Browser(self._client, person, secrets.token_hex(8), verbose=self._verbose)
            habits = self._rng.sample(HABITS, k=len(HABITS) if number == 0 else 3)
            for habit in habits:
                yield from self._habit(habit, browser)

    def _habit(self, habit: Habit, browser: Browser) -> Steps:
        for _ in range(2):
            try:
                yield from habit(browser, self._rng)
            except httpx.HTTPStatusError:
                yield  # a colleague has just deleted the deal, say; look again
            except httpx.TransportError as error:
                click.echo(f"{browser.person.email} lost the CRM: {error!r}")
                self._wait_for_the_crm()
            else:
                return

    def _wait_for_the_crm(self) -> None:
        end = time.monotonic() + self._patience
        while not self._stop.is_set():
            try:
                self._client.get("/").raise_for_status()
            except httpx.HTTPError as error:
                if time.monotonic() > end:
                    raise NobodyHomeError(
                        f"no CRM at {self._client.base_url} within {self._patience:g} s: {error}"
                    ) from error
                self._stop.wait(0.2)
            else:
                self._client.cookies.clear()  # the start page signs browsers in; these people say themselves who they are
                return
