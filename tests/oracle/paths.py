"""Paths, from the definition: visits as lists of actions, cut and counted one by one."""

from __future__ import annotations

from collections import Counter

from tests.oracle.history import Row, life, users

OTHER = "(other)"


def visits(rows: list[Row], gap_seconds: int) -> list[list[str]]:
    """The actions of each visit: rows of one user of which none comes more than the gap after the one before."""
    found: list[list[str]] = []
    for user in users(rows):
        before: Row | None = None
        for row in life(rows, user):
            if before is None or row.at - before.at > gap_seconds * 1_000_000:
                found.append([])
            found[-1].append(row.action)
            before = row
    return found


def paths(rows: list[Row], gap_seconds: int, start: str | None, *, backwards: bool = False) -> list[list[str]]:
    """What is left of each visit from where its path starts; or what it had until then, read from there back."""
    found = []
    for visit in visits(rows, gap_seconds):
        if start is None:
            found.append(visit[::-1] if backwards else visit)
        elif start in visit:
            place = visit.index(start)
            found.append(visit[place::-1] if backwards else visit[place:])
    return found


def steps(
    found: list[list[str]], depth: int, top: int
) -> tuple[list[dict[str, tuple[int, int]]], list[dict[tuple[str, str], int]]]:
    """Step by step: paths that came by each action, and those that ended there; and from step to step: which went where."""
    nodes: list[dict[str, tuple[int, int]]] = []
    links: list[dict[tuple[str, str], int]] = []
    shown: list[set[str]] = []
    for number in range(depth + 1):
        counts = Counter(path[number] for path in found if len(path) > number)
        chosen = set(sorted(counts, key=lambda action: (-counts[action], action))[:top])
        shown.append(chosen)
        here: dict[str, tuple[int, int]] = {}
        went: dict[tuple[str, str], int] = {}
        for path in found:
            if len(path) <= number:
                continue
            name = path[number] if path[number] in chosen else OTHER
            count, ended = here.get(name, (0, 0))
            here[name] = (count + 1, ended + (len(path) == number + 1))
            if number:
                source = path[number - 1] if path[number - 1] in shown[number - 1] else OTHER
                went[source, name] = went.get((source, name), 0) + 1
        nodes.append(here)
        if number:
            links.append(went)
    return nodes, links
