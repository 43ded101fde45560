"""Who gets what: subscribers with equal filters are a group, and groups are found by one value of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prelude_analytics.live.condition import Condition, Key
from prelude_analytics.live.frames import frames

if TYPE_CHECKING:
    from prelude_analytics.filters import Filters
    from prelude_analytics.live.entry import Entry
    from prelude_analytics.live.frames import Tick
    from prelude_analytics.live.subscriber import Subscriber

__all__ = ["Audience", "Group"]


class Group:
    """Subscribers with equal filters: a row is looked at, and a frame is made, once for all of them."""

    __slots__ = ("condition", "found", "subscribers")

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.subscribers: set[Subscriber] = set()
        self.found: list[Entry] = []


class Audience:
    """All groups. What a row costs depends on how many share a value with it, not on how many there are."""

    def __init__(self) -> None:
        self._groups: dict[Filters, Group] = {}
        self._by_key: dict[Key, list[Group]] = {}
        self._names: dict[str, int] = {}
        self._unkeyed: list[Group] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Subscriber]:
        return (subscriber for group in self._groups.values() for subscriber in group.subscribers)

    def add(self, filters: Filters, subscriber: Subscriber) -> None:
        """From now on `subscriber` gets what fits `filters`."""
        group = self._groups.get(filters)
        if group is None:
            group = self._groups[filters] = Group(Condition(filters))
            key = group.condition.key
            if key is None:
                self._unkeyed.append(group)
            else:
                self._by_key.setdefault(key, []).append(group)
                self._names[key[0]] = self._names.get(key[0], 0) + 1
        group.subscribers.add(subscriber)
        self._count += 1

    def remove(self, filters: Filters, subscriber: Subscriber) -> None:
        """Nothing more for `subscriber`, if there was anything."""
        group = self._groups.get(filters)
        if group is None or subscriber not in group.subscribers:
            return
        group.subscribers.remove(subscriber)
        self._count -= 1
        if group.subscribers:
            return
        del self._groups[filters]
        key = group.condition.key
        if key is None:
            self._unkeyed.remove(group)
            return
        self._by_key[key].remove(group)
        if not self._by_key[key]:
            del self._by_key[key]
        self._names[key[0]] -= 1
        if not self._names[key[0]]:
            del self._names[key[0]]

    def groups_of(self, entry: Entry) -> Iterator[Group]:
        """The groups to which `entry` belongs, each once."""
        equals = entry.equals
        for name in self._names:
            if name == "tag":
                for tag in set(entry.tags):
                    yield from self._fitting((name, tag), entry)
            else:
                value = equals.get(name)
                if value is not None:
                    yield from self._fitting((name, value), entry)
        for group in self._unkeyed:
            if group.condition.rest_fits(entry):
                yield group

    def publish(self, tick: Tick) -> None:
        """Let everybody have what belongs to them."""
        touched: list[Group] = []
        for entry in tick.entries:
            for group in self.groups_of(entry):
                if not group.found:
                    touched.append(group)
                group.found.append(entry)
        for group in touched:
            found, group.found = group.found, []
            for frame in frames(tick, found, tick.born):
                for subscriber in group.subscribers:
                    subscriber.offer(frame)

    def _fitting(self, key: Key, entry: Entry) -> Iterator[Group]:
        for group in self._by_key.get(key, ()):
            if group.condition.rest_fits(entry):
                yield group
