#!/usr/bin/env python3
"""Check the seals of a prelude-otel log without its database: one file, Python 3.11 or newer, nothing else.

    python prelude_verify.py log.seals.ndjson --checkpoint checkpoints.jsonl --key VKEY
    python prelude_verify.py --proof proof.json --checkpoint checkpoints.jsonl --key VKEY

Written from docs/seals.md ("The format") alone; it shares no code with what seals. Exit codes: 0, all is as it was sealed; 1, somebody touched
the log; 2, what was given can't be checked (no bundle, a damaged one, a checkpoint of another log, a wrong key).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256, sha512
from typing import Any, NamedTuple

ZERO = bytes(32)
CLASSES = ("person", "device", "content")
WORDS = {"r": "row", "a": "amendment", "c": "change", "g": "act"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
CHUNK = 8 << 20


class Unusable(Exception):
    """What was given can't be checked."""


# ---------------------------------------------------------------- Ed25519 (RFC 8032, section 5.1.7), verification alone

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(factor: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def _same(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def _point(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64 or _BASE is None:
        return False
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % Q
    return _same(_times(s, _BASE), _add(r, _times(h, a)))


# ---------------------------------------------------------------- keys and checkpoints (C2SP signed-note, tlog-checkpoint)


class Key(NamedTuple):
    name: str
    kind: int
    public: bytes
    identity: bytes

    @classmethod
    def parse(cls, text: str) -> Key:
        name, _, rest = text.strip().partition("+")
        identity, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if not name or len(raw) != 33 or raw[0] not in (1, 4):
            raise Unusable(f"{text.strip()!r} is no public key; one looks like name+1a2b3c4d+AW…")
        true = sha256(name.encode() + b"\n" + raw).digest()[:4]
        if true.hex() != identity:
            raise Unusable(f"the key {text.strip()!r} was mistyped: its id should be {true.hex()}")
        return cls(name, raw[0], raw[1:], true)


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes
    text: str
    signatures: list[tuple[str, bytes]]

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        head, gap, tail = note.rpartition("\n\n")
        lines = head.split("\n")
        try:
            if not gap or len(lines) < 3 or not lines[0]:
                raise ValueError("it has no name, size and root, and signatures behind an empty line")
            root = base64.b64decode(lines[2], validate=True)
            if len(root) != 32 or not lines[1].isascii() or not lines[1].isdigit():
                raise ValueError("its size or its root is none")
            signatures = []
            for line in tail.rstrip("\n").split("\n"):
                dash, name, encoded = line.split(" ")
                if dash != "\u2014":
                    raise ValueError(f"{line!r} is no signature")
                signatures.append((name, base64.b64decode(encoded, validate=True)))
        except ValueError as error:
            raise Unusable(f"no checkpoint: {note[:60]!r}: {error}") from None
        return cls(lines[0], int(lines[1]), root, head + "\n", signatures)

    def signed_by(self, keys: Iterable[Key]) -> bool:
        for key in keys:
            for name, value in self.signatures:
                if name == key.name and value[:4] == key.identity and key.kind == 1:
                    if ed25519_verifies(key.public, self.text.encode(), value[4:]):
                        return True
        return False


def checkpoints_in(path: str) -> list[Checkpoint]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} can't be read: {error}") from None
    if not text.lstrip().startswith("{"):
        return [Checkpoint.parse(text)]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                found.append(Checkpoint.parse(json.loads(line)["note"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Unusable(f"line {number} of {path} is no checkpoint: {error!r}") from None
    if not found:
        raise Unusable(f"{path} holds no checkpoint")
    return found


def follow_keys(trusted: list[Key], details: Iterable[dict[str, Any]]) -> list[Key]:
    """Keys that trusted ones have introduced."""
    trusted = list(trusted)
    for detail in details:
        try:
            old, new = Key.parse(detail["old"]), Key.parse(detail["new"])
            message = f"prelude-otel/seal-key/v1\n{detail['old']}\n{detail['new']}\n".encode()
            signatures = [base64.b64decode(detail[name], validate=True) for name in ("old_signature", "new_signature")]
        except (KeyError, TypeError, ValueError, Unusable):
            continue
        if old in trusted and new not in trusted:
            if ed25519_verifies(old.public, message, signatures[0]) and ed25519_verifies(
                new.public, message, signatures[1]
            ):
                trusted.append(new)
    return trusted


# ---------------------------------------------------------------- leaves


def leaf_hash(kind: str, event_id: str | None, at: int, lane: int, number: int, body: bytes) -> bytes:
    event = "null" if event_id is None else f'"{event_id}"'
    head = f'["{WORDS[kind]}", {event}, {at}, {lane}, {number}]'
    return sha256(b"\x00" + head.encode() + body).digest()


def commitment(name: str, salt: str, text: str) -> bytes:
    return sha256(bytes.fromhex(salt) + name.encode() + b"\x00" + text.encode()).digest()


class Tree:
    """A growing Merkle tree: the roots of its full subtrees, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []

    def add(self, leaves: list[bytes]) -> None:
        at = 0
        while at < len(leaves):
            fits = min((self.size & -self.size) or 1 << 30, 1 << (len(leaves) - at).bit_length() - 1)
            level = leaves[at : at + fits]
            while len(level) > 1:
                pairs = iter(level)
                level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs)]
            node, size = level[0], self.size
            at += fits
            self.size += fits
            while size & fits:
                node = sha256(b"\x01" + self.roots.pop() + node).digest()
                fits <<= 1
            self.roots.append(node)

    def root(self) -> bytes:
        if not self.roots:
            return sha256(b"").digest()
        node = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


def root_by_path(leaf: int, size: int, node: bytes, path: list[bytes]) -> bytes | None:
    """The root of a tree that holds `node` as leaf number `leaf`; None when the path has another length."""
    fn, sn = leaf, size - 1
    for other in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + other + node).digest()
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = sha256(b"\x01" + node + other).digest()
        fn >>= 1
        sn >>= 1
    return node if sn == 0 else None


# ---------------------------------------------------------------- one part of a bundle, in a process of its own


class Where(NamedTuple):
    """A leaf that something is to be said of. `leaf` counts within the part, and then within the log; -1: there is none."""

    leaf: int
    kind: str
    lane: int
    number: int
    event_id: str | None
    at: int

    def __str__(self) -> str:
        try:
            when = f"{EPOCH + timedelta(microseconds=self.at):%Y-%m-%d %H:%M:%S.%f} UTC"
        except OverflowError:
            when = f"{self.at} microseconds"
        event = f"event {self.event_id}, " if self.event_id else ""
        leaf = f", leaf {self.leaf}" if self.leaf >= 0 else ""
        return f"{event}{WORDS.get(self.kind, self.kind)} of {when}, lane {self.lane} number {self.number}{leaf}"


@dataclass
class Part:
    """What one part of the bundle says."""

    hashes: bytes = b""
    places: list[tuple[int, int, int, int]] = field(
        default_factory=list
    )  # lane, first, last, leaves: order within lanes
    findings: list[tuple[str, Where]] = field(default_factory=list)
    gone: list[Where] = field(default_factory=list)
    changed: list[tuple[Where, list[Any]]] = field(default_factory=list)
    late: list[tuple[Where, int]] = field(default_factory=list)
    amendments: list[tuple[str | None, int, int]] = field(default_factory=list)
    changes: list[tuple[list[Any], str | None]] = field(default_factory=list)
    acts: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    rows: int = 0
    tail: list[str] = field(default_factory=list)
    broken: str | None = None


def read_part(path: str, start: int, end: int) -> Part:
    with open(path, "rb") as file:
        file.seek(start)
        data = file.read(end - start)
    part = Part()
    hashes: list[bytes] = []
    order: dict[int, list[int]] = {}
    loads = json.loads
    for line in data.splitlines():
        if part.tail or line[:1] != b"[":
            part.tail.append(line.decode("utf-8", "replace"))
            continue
        try:
            one = loads(line)
            kind, lane, number, event_id, at = one[:5]
            if kind == "i":
                part.findings.append(
                    ("stands among sealed entries, and was never sealed", Where(-1, one[5], lane, number, event_id, at))
                )
                continue
            body = bytes.fromhex(one[5])
            known = order.get(lane)
            if known is None:
                order[lane] = [number, number, 1]
            else:
                if number <= known[1]:
                    part.findings.append(
                        ("is not in the order of its lane", Where(len(hashes), kind, lane, number, event_id, at))
                    )
                known[1] = number
                known[2] += 1
            where = (len(hashes), kind, lane, number, event_id, at)
            if kind == "r":
                if len(one) == 6:
                    part.gone.append(Where(*where))
                else:
                    _row(part, where, one, body)
            elif len(one) == 6:
                part.findings.append(("was sealed, and is gone", Where(*where)))
            else:
                _other(part, where, one, body)
            hashes.append(leaf_hash(kind, event_id, at, lane, number, body))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            part.broken = f"a line is not what the format says: {line[:60].decode('utf-8', 'replace')!r}: {error!r}"
            break
    part.hashes = b"".join(hashes)
    part.places = [(lane, known[0], known[1], known[2]) for lane, known in order.items()]
    return part


def _row(part: Part, where: tuple[Any, ...], one: list[Any], body: bytes) -> None:
    part.rows += 1
    content = one[6].encode()
    changed = False
    for place in (7, 8, 9):
        value = one[place]
        if value is None:
            content += ZERO
        elif len(value) == 2:
            content += sha256(bytes.fromhex(value[0]) + PREFIXES[place - 7] + value[1].encode()).digest()
        else:
            content += bytes.fromhex(value[0])
            changed = True
    if sha256(content).digest() != body:
        part.findings.append(("is not as it was sealed", Where(*where)))
        return
    if changed:
        part.changed.append((Where(*where), one[7:10]))
    if len(one) > 10:
        if not one[6].endswith("[null]"):
            part.findings.append(("has another duration than it was sealed with", Where(*where)))
        part.late.append((Where(*where), one[10]))


PREFIXES = tuple(name.encode() + b"\x00" for name in CLASSES)


def _other(part: Part, where: tuple[Any, ...], one: list[Any], body: bytes) -> None:
    index, kind, _, _, event_id, at = where
    if sha256(one[6].encode()).digest() != body:
        part.findings.append(("is not as it was sealed", Where(*where)))
        return
    found = json.loads(one[6])
    if kind == "a":
        length = int(found[0])
        part.amendments.append((event_id, at, length))
        if one[7] != -1 and one[7] != length:
            part.findings.append(("gave its row a duration that the row does not have", Where(*where)))
    elif kind == "c":
        part.changes.append((found, one[7]))
    else:
        part.acts.append((index, found[1], found[4]))


# ---------------------------------------------------------------- the whole bundle


class Report:
    def __init__(self) -> None:
        self.findings: list[str] = []
        self.count = 0

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.findings) < 1000:
            self.findings.append(text)


def parts_of(path: str, start: int) -> Iterator[tuple[int, int]]:
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        while start < size:
            end = min(start + CHUNK, size)
            file.seek(end)
            if end < size:
                end += len(file.readline())
            yield start, end
            start = end


def check_bundle(
    path: str, outside: list[Checkpoint], keys: list[Key], jobs: int, quiet: bool
) -> tuple[Report, dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            first = file.readline()
        size_of_file = os.path.getsize(path)
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error}") from None
    try:
        header = json.loads(first)
        version, origin, size = header["prelude-seals"], header["origin"], header["size"]
    except (ValueError, KeyError, TypeError):
        raise Unusable(f"{path} is no bundle of seals: its first line is {first[:60]!r}") from None
    if version != 1:
        raise Unusable(f"{path} is a bundle of version {version}, and this program knows version 1; get a newer one")
    for one in outside:
        if one.origin != origin:
            raise Unusable(
                f"the checkpoint of {one.size:,} leaves is of the log {one.origin!r}, the bundle is of {origin!r}"
            )
    report, tree, whole = Report(), Tree(), Part()
    wanted: dict[int, bytes] = {}
    sizes = sorted({one.size for one in outside})
    last_of_lane: dict[int, int] = {}
    # Roots at the sizes of stored checkpoints are wanted, too, and those are known at the end: so the end is read first.
    stored, named = tail_of(path)
    sizes = sorted({*sizes, *(one.size for one in stored)})
    with ProcessPoolExecutor(jobs) as pool:
        for part, end in ordered(pool, path, len(first)):
            if part.broken:
                raise Unusable(part.broken)
            if whole.tail and part.hashes:
                raise Unusable("there are leaves behind the end of the leaves; the bundle is damaged")
            merge(whole, part, tree.size, last_of_lane, report)
            leaves = [part.hashes[at : at + 32] for at in range(0, len(part.hashes), 32)]
            done = 0
            for at_size in [one for one in sizes if tree.size < one <= tree.size + len(leaves)]:
                count = at_size - tree.size
                tree.add(leaves[done : done + count])
                done += count
                wanted[at_size] = tree.root()
            tree.add(leaves[done:])
            if not quiet:
                print(f"\r{100 * end // size_of_file:3d} %", end="", file=sys.stderr, flush=True)
    if not quiet:
        print("\r     \r", end="", file=sys.stderr)
    refuse_damage(whole.tail, tree.size, size, path)
    details = [detail for _, kind, detail in whole.acts if kind == "key"]
    if keys and not any(key.name == origin for key in keys):
        raise Unusable(f"the key is of {keys[0].name!r}, and the log is {origin!r}")
    trusted = follow_keys(keys or named[:1], details)
    explain(whole, report)
    judge(report, tree, wanted, stored, outside, trusted)
    return report, {
        "origin": origin,
        "leaves": tree.size,
        "rows": whole.rows,
        "stored": len(stored),
        "root": tree.root(),
    }


def ordered(pool: ProcessPoolExecutor, path: str, start: int) -> Iterator[tuple[Part, int]]:
    """Parts in their order; a few ahead, so that memory is bounded."""
    waiting: list[tuple[Any, int]] = []
    for begin, end in parts_of(path, start):
        waiting.append((pool.submit(read_part, path, begin, end), end))
        if len(waiting) > 4:
            future, done = waiting.pop(0)
            yield future.result(), done
    for future, done in waiting:
        yield future.result(), done


def merge(whole: Part, part: Part, before: int, last_of_lane: dict[int, int], report: Report) -> None:
    for lane, lowest, highest, _ in part.places:
        if lowest <= last_of_lane.get(lane, lowest - 1):
            report.add(f"leaves of lane {lane} are not in the order of its numbers, near leaf {before}")
        last_of_lane[lane] = highest

    def moved(where: Where) -> Where:
        return where._replace(leaf=where.leaf + before) if where.leaf >= 0 else where

    for says, where in part.findings:
        report.add(f"{says}: {moved(where)}")
    whole.gone += [moved(where) for where in part.gone]
    whole.changed += [(moved(where), classes) for where, classes in part.changed]
    whole.late += [(moved(where), length) for where, length in part.late]
    whole.amendments += part.amendments
    whole.changes += part.changes
    whole.acts += [(index + before, kind, detail) for index, kind, detail in part.acts]
    whole.rows += part.rows
    whole.tail += part.tail


def tail_of(path: str) -> tuple[list[Checkpoint], list[Key]]:
    """Stored checkpoints and keys, which stand behind the leaves."""
    lines: list[bytes] = []
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        at, rest = file.tell(), b""
        while at > 0:
            step = min(CHUNK, at)
            at -= step
            file.seek(at)
            data = file.read(step) + rest
            cut = data.find(b"\n[")
            pieces = data.split(b"\n")
            rest = pieces[0]
            lines = pieces[1:] + lines
            if cut >= 0 or data.startswith(b"["):
                break
    stored, named = [], []
    for line in lines:
        if line.startswith((b'{"checkpoint"', b'{"key"')):
            try:
                one = json.loads(line)
            except ValueError:
                raise Unusable(f"a line is damaged: {line[:60]!r}") from None
            if "checkpoint" in one:
                stored.append(Checkpoint.parse(one["checkpoint"]))
            else:
                named.append(Key.parse(one["key"]))
    return stored, named


def refuse_damage(tail: list[str], leaves: int, said: int, path: str) -> None:
    ends = [at for at, line in enumerate(tail) if line.startswith('{"end"')]
    if not ends:
        raise Unusable(f"{path} was cut off: it has no last line")
    if ends[0] != len(tail) - 1:
        raise Unusable(
            f"{path} has something behind its end: {tail[ends[0] + 1][:60]!r}; cut it off, or get the bundle again"
        )
    try:
        counts = json.loads(tail[-1])["end"]
        checkpoints, keys = (sum(line.startswith(f'{{"{name}"') for line in tail) for name in ("checkpoint", "key"))
        if (counts["leaves"], counts["checkpoints"], counts["keys"]) != (leaves, checkpoints, keys) or len(
            tail
        ) != checkpoints + keys + 1:
            raise Unusable(
                f"{path} is damaged: it says that it holds {counts}, and holds {leaves} leaves and {checkpoints} checkpoints"
            )
    except (ValueError, KeyError, TypeError):
        raise Unusable(f"the last line of {path} is damaged: {tail[-1][:60]!r}") from None
    if leaves != said:
        raise Unusable(f"{path} is damaged: it begins by saying {said:,} leaves, and holds {leaves:,}")


def explain(whole: Part, report: Report) -> None:
    """Whether the log tells why rows are gone, changed, or have got a duration."""
    changes: dict[tuple[int, int], list[tuple[list[Any], str | None]]] = {}
    for found, salt in whole.changes:
        changes.setdefault((found[1], found[2]), []).append((found, salt))
    drops = []
    for index, kind, detail in whole.acts:
        if kind == "drop":
            try:
                drops.append((index, datetime.fromisoformat(detail["from"]), datetime.fromisoformat(detail["to"])))
            except (ValueError, KeyError, TypeError):
                report.add(f"the drop of leaf {index} has no bounds")
    for where in whole.gone:
        at = EPOCH + timedelta(microseconds=where.at)
        if any(found[3] == "removed" for found, _ in changes.get((where.lane, where.number), ())):
            continue
        if not any(starts <= at < ends and where.leaf < index for index, starts, ends in drops):
            report.add(f"was sealed, is gone, and nothing tells why: {where}")
    amended = set(whole.amendments)
    for where, length in whole.late:
        if (where.event_id, where.at, length) not in amended:
            report.add(f"has got a duration, and no amendment tells of it: {where}")
    for where, classes in whole.changed:
        for name, value in zip(CLASSES, classes):
            if value is not None and len(value) == 3:
                told = [
                    one
                    for one in changes.get((where.lane, where.number), ())
                    if one[0][4] == name and one[0][5] is not None
                ]
                wrong = chain(name, value[0], value[2], told)
                if wrong:
                    report.add(f"{wrong}: {where}")


def chain(name: str, sealed: str, text: str | None, told: list[tuple[list[Any], str | None]]) -> str | None:
    present, last = sealed, None
    left = list(told)
    while left:
        step = next((one for one in left if one[0][5] == present), None)
        if step is None:
            return f"changes of its class {name} do not follow from one another"
        left.remove(step)
        present, last = step[0][6] or ZERO.hex(), step
    if last is None:
        return f"class {name} was changed, and nothing tells why"
    if last[0][3] == "erased":
        return f"class {name} was erased, and has a value again" if text is not None else None
    now = ZERO if text is None else commitment(name, last[1] or "", text)
    return None if now.hex() == present else f"class {name} is not what it was lawfully changed to"


def judge(
    report: Report,
    tree: Tree,
    roots: dict[int, bytes],
    stored: list[Checkpoint],
    outside: list[Checkpoint],
    keys: list[Key],
) -> None:
    ids = ", ".join(key.identity.hex() for key in keys) or "none"
    for one in stored:
        if roots.get(one.size) != one.root:
            report.add(f"the stored checkpoint of {one.size:,} leaves has another root than the leaves")
    for one in [*outside, *stored[-1:]]:
        if not one.signed_by(keys):
            report.add(f"the checkpoint of {one.size:,} leaves is not signed by a key that you trust ({ids})")
    agreed = 0
    for one in sorted(outside, key=lambda one: one.size):
        if one.size > tree.size:
            report.add(
                f"the log once had {one.size:,} leaves, and has {tree.size:,}: its end was cut, or it was rolled back"
            )
        elif roots[one.size] != one.root:
            report.add(
                f"the log is not the one whose {one.size:,} leaves were signed: history after leaf {agreed:,} was written anew"
            )
        else:
            agreed = one.size


def check_proof(path: str, outside: list[Checkpoint], keys: list[Key]) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            proof = json.load(file)
        row, leaf = proof["row"], int(proof["leaf"])
        checkpoint = Checkpoint.parse(proof["checkpoint"])
        nodes = [base64.b64decode(one, validate=True) for one in proof["path"]]
        content = row["clear"].encode()
        for name in CLASSES:
            value = row[name]
            if value is None:
                content += ZERO
            elif "commitment" in value:
                content += bytes.fromhex(value["commitment"])
            else:
                content += commitment(name, value["salt"], value["text"])
        node = leaf_hash(
            "r", row["event_id"], int(row["at"]), int(row["lane"]), int(row["lane_seq"]), sha256(content).digest()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is no proof: {error!r}") from None
    if keys and checkpoint.origin not in {key.name for key in keys}:
        raise Unusable(f"the key is of {keys[0].name!r}, and the proof is of the log {checkpoint.origin!r}")
    if keys and not checkpoint.signed_by(keys):
        return f"the checkpoint of the proof is not signed by the key that you trust ({keys[0].identity.hex()})"
    for one in outside:
        if one.origin != checkpoint.origin:
            raise Unusable(
                f"the checkpoint of {one.size:,} leaves is of the log {one.origin!r}, the proof is of {checkpoint.origin!r}"
            )
        if one.size == checkpoint.size and one.root != checkpoint.root:
            return f"the checkpoint of the proof has another root than yours of the same {one.size:,} leaves"
    if not 0 <= leaf < checkpoint.size or root_by_path(leaf, checkpoint.size, node, nodes) != checkpoint.root:
        return f"event {row['event_id']} is not in the log as the proof says it is"
    return ""


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", help="what prelude store seal export wrote")
    parser.add_argument("--proof", metavar="FILE", help="what prelude store prove printed")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        action="append",
        default=[],
        help="checkpoints that were kept outside; may be repeated",
    )
    parser.add_argument(
        "--key", metavar="VKEY", action="append", default=[], help="public key that you trust; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    options = parser.parse_args(given)
    if (options.bundle is None) == (options.proof is None):
        parser.error("give a bundle, or --proof FILE")
    try:
        keys = [Key.parse(text) for text in options.key]
        outside = [one for path in options.checkpoint for one in checkpoints_in(path)]
        if options.proof:
            wrong = check_proof(options.proof, outside, keys)
            print(
                wrong or "The row is in the log." + ("" if keys else " No key was given: anybody could have signed it.")
            )
            return 1 if wrong else 0
        report, facts = check_bundle(options.bundle, outside, keys, max(options.jobs, 1), options.quiet)
    except Unusable as error:
        print(f"Can't be checked: {error}", file=sys.stderr)
        return 2
    print(
        f"{facts['rows']:,} rows and {facts['leaves']:,} leaves of {facts['origin']}, {facts['stored']:,} checkpoints in the bundle, {len(outside):,} from outside."
    )
    if not keys:
        print("No key was given: the bundle names its own, which anybody could have made.")
    if not outside:
        print("No checkpoint from outside was given: a history that was written anew with the key would look whole.")
    for line in report.findings[:50]:
        print(f"  {line}")
    if report.count > 50:
        print(f"  and {report.count - 50:,} more")
    print("Somebody touched the log." if report.count else "All is as it was sealed.")
    return 1 if report.count else 0


if __name__ == "__main__":
    sys.exit(main())
