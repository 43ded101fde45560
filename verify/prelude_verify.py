#!/usr/bin/env python3
"""Check the seals of a prelude-otel log without its database: this file and Python 3.9 or newer, nothing else.

    python prelude_verify.py log.seals.ndjson --checkpoint checkpoints.jsonl --key VKEY
    python prelude_verify.py --proof proof.json --checkpoint checkpoints.jsonl --key VKEY

Exit codes: 0, all is as it was sealed; 1, it is not, and what is printed says where; 2, nothing can be said, since what was given is damaged, mistyped or
of another log. Written from docs/seals.md ("The format") and the standards that it names; it shares no code with what seals.

A bundle is read twice: first for what may explain a difference (amendments, changes, acts) and for the checkpoints at its end; then to compare every entry
with its leaf and make the tree of all leaves, which several processes share. At last the tree is compared with every checkpoint. Memory
grows with the number of amendments and changes, not with that of rows.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import collections
import concurrent.futures
import datetime
import functools
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

sha256 = hashlib.sha256


class Unusable(Exception):
    """Nothing can be said about this bundle, with these keys and checkpoints."""


# Ed25519 (RFC 8032, section 5.1), verification alone. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NOWHERE = (0, 1, 1, 0)
Point = tuple  # of four integers


def plus(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_of(data: bytes) -> Point:
    """Section 5.1.3."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        raise ValueError("no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def bytes_of(point: Point) -> bytes:
    """Section 5.1.2."""
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


@functools.lru_cache(maxsize=64)
def multiples(data: bytes) -> list[list[Point]]:
    """For each hexadecimal digit of a factor, the 16 multiples of the point that it may stand for: a product is a sum of 64 of them."""
    base, table = point_of(data), []
    for _ in range(64):
        row = list(itertools.accumulate([base] * 15, plus, initial=NOWHERE))
        table.append(row)
        base = plus(row[15], base)
    return table


BASE = (4 * pow(5, P - 2, P) % P).to_bytes(32, "little")


def signed_by(key: bytes, signature: bytes, text: bytes) -> bool:
    """Section 5.1.7, without the cofactor: whether S·B - k·A is R."""
    factor = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or factor >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    parts = [row[factor >> 4 * digit & 15] for digit, row in enumerate(multiples(BASE))]
    parts += [row[ORDER - k >> 4 * digit & 15] for digit, row in enumerate(multiples(key))]
    return bytes_of(functools.reduce(plus, parts)) == signature[:32]


# Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

LOG_KEY, WITNESS_KEY = 1, 4


def base64_of(text: str) -> bytes:
    """Standard base64 in its one valid spelling."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not in its one valid spelling")
    return data


class Key(NamedTuple):
    """A public key: `name+id+base64(type || key)`."""

    name: str
    id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Key:
        name, *parts = text.strip().split("+", 2)
        if not name or len(parts) != 2:
            raise Unusable(f"{shown(text)} is no public key; one looks like name+01234567+base64")
        try:
            expected, data = bytes.fromhex(parts[0]), base64_of(parts[1])
            if sha256(f"{name}\n".encode() + data).digest()[:4] != expected:
                raise ValueError("parts that do not fit each other")
        except ValueError:
            raise Unusable(f"the public key {shown(text)} is mistyped") from None
        try:
            if len(data) != 33 or data[0] not in {LOG_KEY, WITNESS_KEY}:
                raise ValueError("of no type that is known")
            point_of(data[1:])
        except ValueError as error:
            raise Unusable(f"the public key {shown(text)} is {error}") from None
        return cls(name, expected, data[0], data[1:])

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def signed(self, signature: bytes, text: bytes) -> bool:
        if self.kind == WITNESS_KEY:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            text = f"cosignature/v1\ntime {time}\n".encode() + text
        return signed_by(self.public, signature, text)


class Checkpoint(NamedTuple):
    """How many leaves a log had, and the root of their tree; `text` is what was signed."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: list[tuple[str, bytes]]

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        """Gives ValueError for what is none."""
        text, gap, lines = note.rpartition("\n\n")
        origin, size, coded, *more = text.split("\n")
        root, signatures = base64_of(coded), []
        for dash, name, data in (line.split(" ") for line in lines[:-1].split("\n")):
            signatures.append((name, base64_of(data)))
            if dash != "\N{EM DASH}" or not name:
                raise ValueError("no signature")
        fits = origin and re.fullmatch("0|[1-9][0-9]{0,18}", size, re.ASCII) and len(root) == 32 and all(more)
        if not fits or not gap or lines[-1:] != "\n":
            raise ValueError("no checkpoint")
        return cls(origin, int(size), root, f"{text}\n", signatures)

    def signer(self, keys: Iterable[Key]) -> Key | None:
        """The first of `keys` that signed it."""
        for key in keys:
            for name, data in self.signatures:
                if (name, data[:4]) == (key.name, key.id) and key.signed(data[4:], self.text.encode()):
                    return key
        return None


# The tree (RFC 6962, section 2.1). A node is (level, hash): the root of 2**level leaves whose number begins at a multiple of that.

Node = tuple  # of an integer and bytes


def parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def nodes_over(first: int, hashes: list[bytes]) -> list[Node]:
    """The fewest nodes that cover the leaves `hashes`, of which the first is leaf number `first`, from left to right."""
    left, right, level = [], [], 0
    while hashes:
        if first & 1:
            left.append((level, hashes[0]))
            hashes = hashes[1:]
            first += 1
        if len(hashes) & 1:
            right.append((level, hashes[-1]))
        # In pairs; what is left over is in `right`.
        each = iter(hashes)
        hashes = [sha256(b"\x01" + one + other).digest() for one, other in zip(each, each)]
        first, level = first >> 1, level + 1
    return left + right[::-1]


class Tree:
    """Grows at its right edge, and remembers that alone."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[Node] = []

    def add(self, node: Node) -> None:
        self.size += 1 << node[0]
        while self.edge and self.edge[-1][0] == node[0]:
            node = (node[0] + 1, parent(self.edge.pop()[1], node[1]))
        self.edge.append(node)

    def root(self) -> bytes:
        if not self.edge:
            return sha256(b"").digest()
        return functools.reduce(lambda right, left: parent(left, right), [one for _, one in reversed(self.edge)])


def root_by_path(leaf: int, size: int, hashed: bytes, path: list[bytes]) -> bytes | None:
    """The root to which an inclusion proof leads (RFC 9162, section 2.1.3.2); None where it leads nowhere."""
    if not 0 <= leaf < size:
        return None
    place, last = leaf, size - 1
    for one in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            hashed = parent(one, hashed)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            hashed = parent(hashed, one)
        place, last = place >> 1, last >> 1
    return hashed if last == 0 else None


# Leaves, and the words for them.

CLASSES = ("person", "device", "content")
TAGS = [f"{name}\0".encode() for name in CLASSES]
NOTHING = bytes(32)
KINDS = {"r": "row", "a": "amendment", "c": "change", "g": "act"}
CALLED = {"r": "row", "a": "amendment", "c": "record of a change", "g": "governance act"}


def leaf_hash(kind: str, event_id: str | None, at: int, lane: int, number: int, body: bytes) -> bytes:
    named = "null" if event_id is None else f'"{event_id}"'
    return sha256(f'\0["{KINDS[kind]}", {named}, {at}, {lane}, {number}]'.encode() + body).digest()


def commitment(name: str, salt: str, text: str) -> bytes:
    """To a class of personal columns; `salt` in hexadecimal."""
    if len(bytes.fromhex(salt)) != 16:
        raise ValueError("a salt has 16 bytes")
    return sha256(bytes.fromhex(salt) + f"{name}\0".encode() + text.encode()).digest()


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def named(event_id: str | None, at: int, lane: int, number: int) -> str:
    """An entry, so that people find it."""
    try:
        moment = f"{EPOCH + datetime.timedelta(microseconds=at)}".replace("+00:00", " UTC")
    except OverflowError:
        moment = f"{at} µs"
    return f"{'' if event_id is None else f'event {shown(event_id)} '}of {moment}, lane {lane}, number {number}"


def shown(text: Any) -> str:
    """What stands in a file, without what could lead a terminal astray."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text)[:200])


# JSON, strictly: no NaN, no key twice.


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return made


JSON = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=no_key_twice)
WRONG = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    ArithmeticError,
    StopIteration,
    struct.error,
)
"""What Python raises when a value is not what the format says."""


def integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("no whole number")
    return value


def microseconds(text: str) -> int:
    """A time of ISO 8601, UTC where it says nothing else."""
    moment = datetime.datetime.fromisoformat(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=EPOCH.tzinfo)) - EPOCH) // datetime.timedelta(
        microseconds=1
    )


# First reading: the parts of the bundle, and what may explain a difference.

PART = 1 << 20
"""Bytes, about, that one process compares at a time."""

AMENDMENT = struct.Struct("<qqq")
"""Time, duration, and the duration that the row is said to have now."""
GONE, NONE = -1, -2
"""For a row that is gone, as in a bundle, and for one without a duration."""
CHANGE = struct.Struct("<cc32s32s16s")
"""First letter but one of its kind, first letter of the class, before, after, salt. NULL is zeros."""
CHANGES = {"erased": b"r", "redacted": b"d", "renamed": b"n"}


class Part(NamedTuple):
    """Some whole lines of a bundle: where they begin, and how many they are."""

    offset: int
    length: int
    line: int
    leaf: int
    lines: int


class Explanations:
    """What the log itself says of differences. Rows are known by lane and number, as one integer."""

    def __init__(self) -> None:
        self.amendments: dict[str, bytes] = {}
        self.changes: dict[int, bytes] = {}
        self.removed: dict[int, bytes] = {}
        self.drops: dict[tuple[int, int], int] = {}
        self.rotations: list[dict[str, str]] = []
        self.unsealed: set[str] = set()

    def take(self, leaf: int, kind: str, event_id: Any, at: int, text: str, *more: Any) -> None:
        """Learn from an amendment, a change or an act that is there."""
        values = JSON.decode(text)
        if kind == "a":
            (now,) = more
            packed = AMENDMENT.pack(at, values[0], NONE if now is None else now)
            self.amendments[event_id] = self.amendments.get(event_id, b"") + packed
        elif kind == "c":
            self._change(*values, *more)
        elif values[1] == "drop":
            span = microseconds(values[4]["from"]), microseconds(values[4]["to"])
            self.drops[span] = max(leaf, self.drops.get(span, leaf))
        elif values[1] == "key":
            self.rotations.append(values[4])

    def _change(self, _act: int, lane: int, number: int, kind: str, name: str, *hashes: str | None) -> None:
        row = integer(lane) << 64 | integer(number)
        before, after, salt = (bytes.fromhex(one or "") for one in hashes)
        if kind == "removed":
            self.removed[row] = before
        elif before:
            packed = CHANGE.pack(CHANGES[kind], TAGS[CLASSES.index(name)][:1], before, after, salt)
            self.changes[row] = self.changes.get(row, b"") + packed

    def dropped(self, leaf: int, at: int) -> bool:
        """Whether an act explains that a row of this time is gone."""
        return any(start <= at < end and leaf < act for (start, end), act in self.drops.items())


class Bundle:
    """What the first reading finds."""

    def __init__(self, path: str) -> None:
        self.path, self.explanations = path, Explanations()
        self.parts: list[Part] = []
        self.found: dict[str, int] = {"leaves": 0, "extra": 0, "unsealed": 0, "checkpoints": 0, "keys": 0}
        self.checkpoints: list[str] = []
        self.keys: list[str] = []
        self.line, self.waiting = 1, 0
        try:
            with open(path, "rb") as file:
                self._read(file)
        except OSError as error:
            raise Unusable(f"{path} can't be read: {error.strerror}") from None
        except WRONG:
            raise damaged(self.line) from None

    def _read(self, file: Any) -> None:
        first = file.readline(1 << 16)
        try:
            head = JSON.decode(first.decode())
            version, self.origin, self.size, _ = head["prelude-seals"], head["origin"], head["size"], head["made_at"]
        except WRONG:
            raise Unusable(f"{self.path} is no bundle of seals") from None
        if version != 1 or len(head) != 4 or [type(one) for one in head.values()] != [int, str, int, str]:
            raise Unusable(f"{self.path} is no bundle that this program knows: it is of version {shown(version)}")
        rest = self._entries(file, len(first))
        end = self._closing(rest)
        if any(rest):
            raise Unusable(f"the bundle has something behind its end, which is line {self.line}")
        if end != self.found:
            raise Unusable(f"the bundle is damaged: its end tells of {shown(end)}, and there are {self.found}")
        self.leaves = self.found["leaves"]

    def _entries(self, file: Any, offset: int) -> Iterator[bytes]:
        """Divide the entries into parts; gives all lines behind them."""
        lines, end = [b""], 1
        while lines and end == len(lines):
            lines, first, leaf, extra = file.readlines(PART), self.line, self.found["leaves"], 0
            end = len(lines)
            for at in [at for at, line in enumerate(lines) if line[:4] != b'["r"']:
                self.line = first + 1 + at
                if lines[at][:1] == b"{":
                    end = at
                    break
                if lines[at][:4] == b'["i"':
                    extra += 1
                else:
                    kind, _, _, event_id, time, _, *now = self._json(lines[at])
                    if kind not in {"a", "c", "g"}:
                        raise ValueError("no kind of entry")
                    if now:
                        self.explanations.take(leaf + at - extra, kind, event_id, time, *now)
            length, self.line = sum(map(len, lines[:end])), first + end
            if end:
                self.parts.append(Part(offset, length, first + 1, leaf, end))
            offset += length
            self.found["leaves"] += end - extra
            self.found["extra"] += extra
        return itertools.chain(lines[end:], file)

    def _closing(self, lines: Iterator[bytes]) -> Any:
        """Checkpoints and keys; gives what the end says."""
        for line in lines:
            self.line += 1
            ((name, value),) = self._json(line).items()
            if name == "end":
                return value if {type(one) for one in value.values()} == {int} else None
            if name == "unsealed":
                self._unsealed(*value)
                continue
            {"checkpoint": self.checkpoints, "key": self.keys}[name].append(value)
            self.found[f"{name}s"] += len(value[:1].encode())
        raise Unusable("the bundle is cut off: its end is missing")

    def _unsealed(self, kind: str, _lane: int, _number: int, event_id: Any, at: int, text: str) -> None:
        """An amendment explains a duration before it is sealed; what is graver waits for its seal."""
        if kind == "a":
            duration = JSON.decode(text)[0]
            self.explanations.take(self.found["leaves"], kind, event_id, at, text, duration)
            self.explanations.unsealed.add(event_id)
        elif kind in {"c", "g"}:
            self.waiting += 1
        else:
            raise ValueError("no kind of entry")
        self.found["unsealed"] += 1

    def _json(self, line: bytes) -> Any:
        if line[-1:] != b"\n":
            raise damaged(self.line, "is cut off")
        return JSON.decode(line.decode())


def damaged(number: int, how: str = "is not what the format says") -> Unusable:
    return Unusable(f"the bundle is damaged: line {number} {how}")


# Second reading: every entry against its leaf, and the leaves into nodes of the tree.

SHOWN = 100
"""Findings of which the words are kept; further ones are counted."""


class Findings:
    """What is not as it was sealed."""

    def __init__(self) -> None:
        self.number = 0
        self.words: list[str] = []

    def add(self, *words: str) -> None:
        self.number += len(words)
        self.words = [*self.words, *words][:SHOWN]


Compared = tuple  # of nodes, findings, and a count of each kind of entry and of what explained differences


class Comparison:
    """Compares parts of one bundle. `sizes`, ascending, are those at which a root is wanted."""

    def __init__(self, path: str, explanations: Explanations, sizes: list[int]) -> None:
        self.path, self.sizes = path, sizes
        self.explained = explanations

    def part(self, part: Part) -> Compared:
        """The nodes over a part, up to each size; what is wrong in it; how many of what there are."""
        with open(self.path, "rb") as file:
            file.seek(part.offset)
            data = file.read(part.length)
        self.findings, self.counts = Findings(), collections.Counter()
        hashes: list[bytes] = []
        number, at, scan = part.line, 0, JSON.scan_once
        try:
            lines = data.decode()
            while at < len(lines):
                entry, end = scan(lines, at)
                if lines[end] != "\n":
                    raise ValueError("more than one value in a line")
                if entry[0] == "i":
                    _, lane, place_, event_id, time, kind = entry
                    where = named(event_id, integer(time), integer(lane), integer(place_))
                    self.findings.add(f"a {CALLED[kind]} that was never sealed stands among sealed entries: {where}")
                else:
                    hashes.append(self._leaf(part.leaf + len(hashes), *entry))
                number, at = number + 1, end + 1
        except UnicodeDecodeError as error:
            raise damaged(part.line + data.count(b"\n", 0, error.start)) from None
        except WRONG:
            raise damaged(number) from None
        if number != part.line + part.lines:
            raise damaged(part.line, "or one behind it goes over several lines")
        first, end = part.leaf, part.leaf + len(hashes)
        cuts = [first, *self.sizes[bisect.bisect(self.sizes, first) : bisect.bisect_left(self.sizes, end)], end]
        nodes = [
            node for one, other in zip(cuts, cuts[1:]) for node in nodes_over(one, hashes[one - first : other - first])
        ]
        return nodes, self.findings, self.counts

    def _leaf(
        self, leaf: int, kind: str, lane: int, number: int, event_id: Any, at: int, body: str, *now: Any
    ) -> bytes:
        """Compare one entry with its leaf, and give the leaf's hash."""
        sealed = bytes.fromhex(body)
        if not type(lane) is type(number) is type(at) is int or len(sealed) != 32:
            raise TypeError("no head of a leaf")
        if type(event_id) is not str and (kind != "g" or event_id is not None):
            raise TypeError("no event id")
        self.counts[kind] += 1
        if not now:
            wrong = self._gone(leaf, kind, lane << 64 | number, event_id, at, sealed)
        elif kind == "r":
            wrong = self._row(sealed, lane << 64 | number, event_id, at, *now)
        else:
            wrong = self._other(kind, sealed, *now)
        if wrong:
            self.findings.add(f"a {CALLED[kind]} {wrong}: {named(event_id, at, lane, number)}, leaf {leaf}")
        return leaf_hash(kind, event_id, at, lane, number, sealed)

    def _gone(self, leaf: int, kind: str, row: int, event_id: Any, at: int, sealed: bytes) -> str:
        if kind != "r":
            return "that was sealed is gone"
        before = self.explained.removed.get(row)
        if before is None and not self.explained.dropped(leaf, at):
            return "that was sealed is gone, and nothing explains it"
        if before and before != sealed:
            return "that was sealed is gone, and the record of its removal is of another"
        self.counts["dropped" if before is None else "removed"] += 1
        for time, duration, now in AMENDMENT.iter_unpack(self.explained.amendments.get(event_id, b"")):
            if time == at and now != GONE and event_id not in self.explained.unsealed:
                return f"is gone, and its amendment's line says that it has duration_ms {duration}"
        return ""

    def _other(self, kind: str, sealed: bytes, text: str, *more: Any) -> str:
        """What is wrong with an amendment, a change or an act that is there."""
        if sha256(text.encode()).digest() != sealed:
            return "is not as it was sealed"
        if kind == "a":
            duration, (now,) = JSON.decode(text)[0], more
            if now is None or integer(now) not in {duration, GONE}:
                return f"says duration_ms {shown(duration)}, and its row has {shown(now)}"
        return ""

    def _row(self, sealed: bytes, row: int, event_id: str, at: int, text: str, *now: Any) -> str:
        """What is wrong with a row that is there."""
        explained = self.explained
        body, changed, late = text.encode(), row in explained.changes, now[3:]
        for tag, value in zip(TAGS, now):
            if value is None:
                body += NOTHING
            elif len(value) == 2:
                salt, columns = bytes.fromhex(value[0]), value[1]
                if len(salt) != 16:
                    raise ValueError("a salt has 16 bytes")
                body += sha256(salt + tag + columns.encode()).digest()
            else:
                was, mark, _text = value
                if mark != "now" or len(was) != 64:
                    raise ValueError("no class")
                body += bytes.fromhex(was)
                changed = True
        if sha256(body).digest() != sealed:
            return "is not as it was sealed"
        wrong = []
        if row in explained.removed:
            wrong.append("was removed, and is there")
        if changed:
            changes = list(CHANGE.iter_unpack(explained.changes.get(row, b"")))
            wrong += [
                self._class(name, value, [one for one in changes if one[1] == tag[:1]])
                for name, tag, value in zip(CLASSES, TAGS, now)
            ]
        if late or event_id in explained.amendments:
            self.counts["unsealed"] += event_id in explained.unsealed
            wrong.append(self._duration(text, explained.amendments.get(event_id, b""), at, *late))
        return "; ".join(filter(None, wrong))

    def _class(self, name: str, value: Any, steps: list[Any]) -> str:
        """Follow the chain of changes of one class from what was sealed to what is there."""
        if value is None or len(value) == 2:
            return f"is in class {name} as it was before a sealed change" if steps else ""
        if not steps:
            return f"is not as it was sealed in class {name}, and no change explains it"
        state, kind, salt, text = bytes.fromhex(value[0]), b"", b"", value[2]
        while steps:
            step = next((step for step in steps if step[2] == state), None)
            if step is None:
                return f"has changes of class {name} that do not begin with what was sealed, or do not follow from each other"
            steps.remove(step)
            kind, _, _, state, salt = step
        if state == NOTHING or kind == CHANGES["erased"]:
            if text is not None or state != NOTHING:
                return f"was erased in class {name}, and has values there"
        elif text is None or commitment(name, salt.hex(), text) != state:
            return f"is in class {name} not as its last change left it"
        self.counts[name] += 1
        return ""

    def _duration(self, text: str, packed: bytes, at: int, late: Any = None) -> str:
        """Whether a duration is what was sealed, or came as the amendments say."""
        amendments = {duration: now for time, duration, now in AMENDMENT.iter_unpack(packed) if time == at}
        (duration,) = JSON.decode(text[text.rindex("[") :])
        if late is not None:
            if duration is not None:
                return "has another duration_ms than was sealed"
            duration = integer(late)
            self.counts["late"] += 1
            if not amendments:
                return "has a duration_ms that no amendment explains"
        for amended, now in amendments.items():
            if not amended == duration == now:
                return f"has not the duration_ms {amended} of an amendment, or the bundle says both of it"
        return ""


# What one process does of it.

comparison: Comparison


def begin(*arguments: Any) -> None:
    global comparison  # noqa: PLW0603
    comparison = Comparison(*arguments)


def compare(part: Part) -> Compared:
    return comparison.part(part)


def compared(bundle: Bundle, sizes: list[int], jobs: int) -> Iterator[Compared]:
    """Every part of the bundle in its order, compared."""
    arguments = bundle.path, bundle.explanations, sizes
    if jobs == 1 or len(bundle.parts) < 2 * jobs:
        yield from map(Comparison(*arguments).part, bundle.parts)
        return
    # By fork, what explains differences is shared, not copied.
    way = "fork" if sys.platform.startswith("linux") else "spawn"
    workers = concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context(way), begin, arguments)
    try:
        waiting: collections.deque[Any] = collections.deque()
        for part in bundle.parts:
            waiting.append(workers.submit(compare, part))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        workers.shutdown(cancel_futures=True)


# Keys and checkpoints.


def follow(trusted: list[Key], rotations: list[dict[str, Any]]) -> list[Key]:
    """The keys that are trusted, and those that they introduced by acts of the log."""
    trusted = list(trusted)
    while True:
        for act in rotations:
            try:
                old, new = Key.parse(act["old"]), Key.parse(act["new"])
                text = f"prelude-otel/seal-key/v1\n{act['old']}\n{act['new']}\n".encode()
                if old in trusted and new not in trusted and new.name == old.name:
                    if old.signed(base64_of(act["old_signature"]), text) and new.signed(
                        base64_of(act["new_signature"]), text
                    ):
                        trusted.append(new)
                        break
            except (Unusable, *WRONG):
                continue  # an act that introduces nobody
        else:
            return trusted


def read_checkpoints(path: str) -> list[Checkpoint]:
    """Of a file: one signed note, or a JSON object a line of which `note` is one. Of a folder: of all files in it, at any depth."""
    if os.path.isdir(path):
        # What begins with a dot is of whoever copied them there.
        files = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names if not name.startswith(".")]
        if not files:
            raise Unusable(f"there is no file in the folder {path}; there should be checkpoints in it")
        return [one for file in sorted(files) for one in read_checkpoints(file)]
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
        if not text.startswith("{"):
            return [Checkpoint.parse(text)]
        return [Checkpoint.parse(JSON.decode(line)["note"]) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror}") from None
    except WRONG:
        raise Unusable(f"{path} holds what is no checkpoint") from None


def of_one_log(what: str, origin: str, keys: list[Key], outside: list[Checkpoint]) -> None:
    for key in keys:
        if key.name != origin:
            raise Unusable(f"the key is of the log {shown(key.name)}, and {what} of {shown(origin)}")
    for checkpoint in outside:
        if checkpoint.origin != origin:
            raise Unusable(f"a checkpoint is of the log {shown(checkpoint.origin)}, and {what} of {shown(origin)}")


class Judge:
    """Compares checkpoints with the roots that the tree had at their sizes."""

    def __init__(self, bundle: Bundle, keys: list[Key], roots: dict[int, bytes]) -> None:
        self.bundle, self.roots = bundle, roots
        self.findings, self.agreed, self.good = Findings(), 0, collections.Counter()
        named_here = []
        for text in bundle.keys:
            try:
                named_here.append(Key.parse(text))
            except Unusable as error:
                self.findings.add(f"of the keys that have signed, {error}")
        self.keys = follow(keys or named_here[:1], bundle.explanations.rotations)
        for key in named_here:
            if key not in self.keys:
                self.findings.add(
                    f"the key {shown(key)} has signed, and no act says that it follows one that you trust"
                )

    def look(self, whence: str, checkpoint: Checkpoint) -> None:
        """Whether a checkpoint is this log's, and the log is as it says."""
        size, called = checkpoint.size, f"the {whence} checkpoint of {checkpoint.size:,} leaves"
        if checkpoint.origin != self.bundle.origin:
            self.findings.add(f"{called} is of the log {shown(checkpoint.origin)}")
        elif not checkpoint.signer(self.keys):
            self.findings.add(f"{called} is not signed by a key that you trust")
        elif size > self.bundle.leaves:
            has = f"the log has {self.bundle.leaves:,} leaves now"
            self.findings.add(f"{called} covers more than there is, {has}: its end was cut, or it was rolled back")
        elif checkpoint.root != self.roots[size]:
            where = f"a leaf from {self.agreed:,} to {size - 1:,} is not what it was"
            self.findings.add(f"{called} has another root: {where}, or the log was written anew")
        else:
            self.agreed = max(self.agreed, size)
            self.good[whence] += 1


def check_bundle(path: str, outside: list[Checkpoint], keys: list[Key], jobs: int, quiet: bool) -> int:
    bundle = Bundle(path)
    of_one_log("the bundle", bundle.origin, keys, outside)
    findings, given = Findings(), [("outside", one) for one in outside]
    if bundle.size != bundle.leaves:
        findings.add(f"the log has {bundle.size:,} leaves by its own account, and {bundle.leaves:,} are there")
    for number, note in enumerate(bundle.checkpoints, 1):
        try:
            given.append(("stored", Checkpoint.parse(note)))
        except WRONG:
            findings.add(f"the stored checkpoint number {number} is none")
    if bundle.leaves and not given:
        raise Unusable("there is no checkpoint, in the bundle or from outside, to compare it with")
    given.sort(key=lambda one: one[1].size)

    tree, counts, roots = Tree(), collections.Counter(), dict.fromkeys(one.size for _, one in given)
    for nodes, wrong, seen in compared(bundle, list(roots), jobs):
        for node in nodes:
            tree.add(node)
            if tree.size in roots:
                roots[tree.size] = tree.root()
        counts += seen
        findings.add(*wrong.words)
        findings.number += wrong.number - len(wrong.words)
    if 0 in roots:
        roots[0] = Tree().root()

    judge = Judge(bundle, keys, roots)
    for whence, checkpoint in given:
        judge.look(whence, checkpoint)
    number = judge.findings.number + findings.number
    words = [*judge.findings.words, *findings.words]
    print(*words, sep="\n", end="\n" if words else "")
    if number > len(words):
        print(f"and {number - len(words):,} more")
    if number and bundle.waiting:
        print(
            f"{bundle.waiting:,} changes and acts are not sealed yet, and may explain some of it: export again in a minute"
        )
    if not quiet:
        tell(bundle, counts, judge, len(outside), bool(keys))
    if number:
        print(f"{number:,} things are not as they were sealed.")
    elif judge.agreed < bundle.leaves:
        print(
            f"The first {judge.agreed:,} leaves are as they were sealed. No checkpoint covers the last {bundle.leaves - judge.agreed:,}."
        )
    else:
        print("All is as it was sealed.")
    return 1 if number else 0


def tell(bundle: Bundle, counts: collections.Counter[str], judge: Judge, outside: int, trusted: bool) -> None:
    """What was compared with what."""
    gone = counts["removed"] + counts["dropped"]
    entries = ", ".join(f"{counts[kind]:,} {name}s" for kind, name in KINDS.items())
    print(f"{shown(bundle.origin)}: {bundle.leaves:,} leaves: {entries}; {counts['r'] - gone:,} rows are there")
    changes = ", ".join(f"{name} {counts[name]:,}" for name in CLASSES)
    print(
        f"Explained: removed {counts['removed']:,}, dropped {counts['dropped']:,}, late {counts['late']:,}, {changes}"
    )
    if counts["unsealed"]:
        print(f"Of the durations {counts['unsealed']:,} are explained by amendments that are not sealed yet.")
    stored = f"{judge.good['stored']:,} of {len(bundle.checkpoints):,} stored checkpoints"
    print(f"{stored} and {judge.good['outside']:,} of {outside:,} from outside agree")
    if not outside:
        print(
            "No checkpoint from outside was given: a history that was written anew with the key, or rolled back, looks whole."
        )
    if not trusted:
        print("No key was given: signatures were checked with those that the bundle names.")


# The proof of one row.


def check_proof(path: str, outside: list[Checkpoint], keys: list[Key]) -> int:
    try:
        with open(path, "rb") as file:
            proof = JSON.decode(file.read().decode())
        row, leaf = proof["row"], integer(proof["leaf"])
        if proof["kind"] != "prelude-otel/inclusion/v1":
            raise ValueError("another kind")
        checkpoint = Checkpoint.parse(proof["checkpoint"])
        body = row["clear"].encode() + b"".join(class_in_proof(name, row[name]) for name in CLASSES)
        head = row["event_id"], integer(row["at"]), integer(row["lane"]), integer(row["lane_seq"])
        hashed = leaf_hash("r", *head, sha256(body).digest())
        root = root_by_path(leaf, checkpoint.size, hashed, [base64_of(one) for one in proof["path"]])
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror}") from None
    except WRONG:
        raise Unusable(f"{path} is no proof of a row") from None
    of_one_log("the proof", checkpoint.origin, keys, outside)
    same = [one for one in outside if one.size == checkpoint.size]
    if root != checkpoint.root:
        wrong = "The row is not in the log as the proof says."
    elif keys and not checkpoint.signer(keys):
        wrong = "The proof's checkpoint is not signed by a key that you trust."
    elif any(one.root != checkpoint.root for one in same):
        wrong = f"The proof's checkpoint of {checkpoint.size:,} leaves is another than the one from outside."
    else:
        print("The row is in the log.")
        return 0
    print(wrong)
    return 1


def class_in_proof(name: str, value: Any) -> bytes:
    if value is None:
        return NOTHING
    if value.keys() == {"text", "salt"}:
        return commitment(name, value["salt"], value["text"])
    (sealed,) = value.values()
    if value.keys() != {"commitment"} or len(bytes.fromhex(sealed)) != 32:
        raise ValueError("no class")
    return bytes.fromhex(sealed)


# The command.


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", help="what `prelude store seal export` wrote")
    parser.add_argument("--proof", metavar="FILE", help="what `prelude store prove` printed, instead of a bundle")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE|DIR",
        action="append",
        default=[],
        help="checkpoints that were kept outside: a file, or a folder of them",
    )
    parser.add_argument(
        "--key", metavar="VKEY", action="append", default=[], help="the log's public key, from whom you trust"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        default=min(os.cpu_count() or 1, 16),
        help="processes that compare (%(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="say what is wrong, and nothing else")
    given = parser.parse_args(arguments)
    if (given.bundle is None) == (given.proof is None):
        parser.error("give a bundle, or a proof")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        keys = [Key.parse(one) for one in given.key]
        outside = [one for path in given.checkpoint for one in read_checkpoints(path)]
        if given.proof:
            return check_proof(given.proof, outside, keys)
        return check_bundle(given.bundle, outside, keys, max(given.jobs, 1), given.quiet)
    except Unusable as error:
        print(f"Nothing can be said: {error}", file=sys.stderr)
    except MemoryError:
        print("Nothing can be said: memory is not enough for it", file=sys.stderr)
    except concurrent.futures.process.BrokenProcessPool:
        print("Nothing can be said: one of the processes that compare was ended", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
