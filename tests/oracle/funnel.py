"""Funnels, from the definition: every attempt of every user is tried, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from tests.oracle.history import Row, life, users


@dataclass(frozen=True)
class Match:
    """What a row must be to be a step, or an exclusion."""

    actions: tuple[str, ...]
    status: str | None = None

    def fits(self, row: Row) -> bool:
        return row.action in self.actions and self.status in (None, row.status)


@dataclass(frozen=True)
class Attempt:
    """The rows that were its steps."""

    rows: tuple[Row, ...]


def attempt(
    mine: list[Row], start: int, steps: list[Match], exclusions: list[Match], window: int, order: str
) -> Attempt:
    """The attempt that starts at row number `start` of a life, and how far it gets."""
    taken = [mine[start]]
    missing = [step for step in steps if not step.fits(mine[start])] if order == "any" else steps[1:]
    for row in mine[start + 1 :]:
        if not missing or row.at - mine[start].at > window:
            break
        if any(exclusion.fits(row) for exclusion in exclusions):
            break
        if order == "any":
            fitting = [step for step in missing if step.fits(row)]
            if fitting:
                taken.append(row)
                missing.remove(fitting[0])
        elif missing[0].fits(row):
            taken.append(row)
            missing = missing[1:]
        elif order == "strict":
            break
    return Attempt(tuple(taken))


def best(mine: list[Row], steps: list[Match], exclusions: list[Match], window: int, order: str) -> Attempt | None:
    """The attempt with the most steps; of equal ones the first."""
    found: Attempt | None = None
    for start, row in enumerate(mine):
        starts = steps if order == "any" else steps[:1]
        if any(step.fits(row) for step in starts):
            tried = attempt(mine, start, steps, exclusions, window, order)
            if found is None or len(tried.rows) > len(found.rows):
                found = tried
    return found


def funnel(rows: list[Row], steps: list[Match], exclusions: list[Match], window: int, order: str) -> dict[str, Attempt]:
    """The best attempt of each user who made one."""
    attempts = {user: best(life(rows, user), steps, exclusions, window, order) for user in users(rows)}
    return {user: made for user, made in attempts.items() if made is not None}


def table(attempts: dict[str, Attempt], steps: int) -> list[tuple[int, float | None]]:
    """Users of each step, and the median of the microseconds since the step before."""
    found: list[tuple[int, float | None]] = []
    for number in range(steps):
        reached = [made.rows for made in attempts.values() if len(made.rows) > number]
        took = [taken[number].at - taken[number - 1].at for taken in reached] if number else []
        found.append((len(reached), median(took) if took else None))
    return found
