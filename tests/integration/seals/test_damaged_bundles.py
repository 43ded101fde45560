"""A bundle that came damaged, or that somebody edited: the verifier says so, in words, and never that all is whole.

    PRELUDE_DAMAGES=5000 pytest tests/integration/seals/test_damaged_bundles.py

tries so many of each kind (PRELUDE_TAMPER_SEED: where and what).
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from prelude_store.seals.bundle import write_bundle
from prelude_store.seals.outside import line_of
from tests.support.sealed import Sealed
from tests.support.verifier import load_verifier

TIMES = int(os.environ.get("PRELUDE_DAMAGES", "40"))
SEED = int(os.environ.get("PRELUDE_TAMPER_SEED", "1"))

verifier = load_verifier()


class Given(NamedTuple):
    """A whole bundle, and what an auditor has besides."""

    data: bytes
    folder: Path
    arguments: list[str]

    @property
    def lines(self) -> list[bytes]:
        return self.data.split(b"\n")[:-1]


@pytest.fixture(scope="module")
def given(sealed: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Given:
    folder = tmp_path_factory.mktemp("damaged")
    with (
        psycopg.connect(sealed.url, autocommit=True) as superuser,
        (folder / "whole").open("w", encoding="utf-8") as file,
    ):
        write_bundle(superuser, file)
    (folder / "checkpoints").write_text(f"{line_of(sealed.checkpoints[-1])}\n")
    arguments = ["--checkpoint", str(folder / "checkpoints"), "--key", str(sealed.key.verifier), "--jobs", "1"]
    return Given((folder / "whole").read_bytes(), folder, arguments)


def said(given: Given, data: bytes) -> tuple[int, str]:
    """Exit code and words; what is raised goes through."""
    path = given.folder / "bundle"
    path.write_bytes(data)
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        out.reconfigure = err.reconfigure = lambda **_: None  # type: ignore[attr-defined]
        code = verifier.main([str(path), *given.arguments])
    words = out.getvalue() + err.getvalue()
    assert (code == 0) == ("All is as it was sealed." in words)
    assert words.strip()
    return code, words


def meaning(data: bytes) -> Any:
    """What a bundle says, line by line; None where it says nothing.

    Its date is a remark, the case of hexadecimal digits a habit, and the salt of a change matters while it is the last of its row: what that
    comes to is tried for itself.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in (value[:-1] if value[:1] == ["c"] and len(value) == 8 else value)]
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items() if name != "made_at"}
        return (type(value), value.lower() if isinstance(value, str) and value.isalnum() else value)

    try:
        assert data.endswith(b"\n")
        return [plain(json.loads(line.decode(), object_pairs_hook=once)) for line in data.split(b"\n")[:-1]]
    except (ValueError, AssertionError, RecursionError):
        return None


def flip_a_bit(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def cut_a_piece_out(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice([1, 2, 30, 1000]) :]


def cut_the_end_off(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def put_something_in(chance: random.Random, data: bytes) -> bytes:
    at = chance.choice([chance.randrange(len(data)), data.index(b"\n", chance.randrange(len(data))) + 1])
    strange = [
        b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\0", b"\n", b"\r", b"[" * 200_000, b'{"a":' * 100_000, b"\xef\xbb\xbf", b" ",
        b"[]\n", b"{}\n", b"0\n", b"null\n", b'"r"\n', b'["r"]\n', b'["r",1,1,"x",1,"00"]\n', b'["q",1,1,null,1,""]\n', b'["i",1,1,null,1,"r"]\n',
        b'{"end": 1}\n', b'{"checkpoint": "x"}\n', b'{"key": "x"}\n', b'{"end": {}, "end": {}}\n',
    ]  # fmt: skip
    return data[:at] + chance.choice(strange) + data[at:]


def double_a_line(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    return b"".join(lines)


def lose_a_line(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def change_places(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value has what values."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for name, part in inside for one in paths_of(part, (*path, name)))]


class Raw(str):
    """What is no JSON, or strange JSON."""

    __slots__ = ()


STRANGE: list[Any] = [
    None, True, False, -1, 0, 1, 2**63, 2**64, 10**400, 1.0, -0.5, "", "0", "now", "\ud800", "é" * 50, "00" * 32, "00" * 16, [], {}, [None], [[]], {"": 0},
    Raw("1" + "0" * 5000), Raw("NaN"), Raw("-Infinity"), Raw("1e999"), Raw("-0"), Raw("[" * 50_000), Raw("[" * 900 + "]" * 900), Raw('{"a": 1, "a": 2}'), Raw("\x00"),
]  # fmt: skip


def put_another_value(chance: random.Random, data: bytes) -> bytes:
    """In some place of some line something of another kind, or what stands in another place."""
    lines = data.splitlines(keepends=True)
    at = chance.choice([chance.randrange(len(lines)), 0, len(lines) - 1, chance.randrange(len(lines) - 30, len(lines))])
    value = [json.loads(lines[at])]
    *path, last = chance.choice(paths_of(value)[1:])
    inside: Any = value
    for name in path:
        inside = inside[name]
    other = json.loads(chance.choice(lines))
    inside[last] = chance.choice([*STRANGE, *(other if isinstance(other, list) else other.values())])
    mark = "prelude-raw-mark"
    raw = inside[last]
    if isinstance(raw, Raw):
        inside[last] = mark
    lines[at] = json.dumps(value[0]).replace(f'"{mark}"', str(raw)).encode() + b"\n"
    return b"".join(lines)


def edit_knowingly(chance: random.Random, data: bytes) -> bytes:
    """Entries lost, doubled, exchanged or emptied, with counts that fit."""
    lines = data.splitlines(keepends=True)
    leaves = [at for at, line in enumerate(lines) if line.startswith(b"[")]
    at, other = chance.sample(leaves, 2)
    what = chance.randrange(4)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(other, lines[at])
    elif what == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = json.dumps(json.loads(lines[at])[:6]).encode() + b"\n"
    entries = sum(line.startswith(b"[") for line in lines)
    head, end = json.loads(lines[0]), json.loads(lines[-1])
    head["size"] = end["end"]["leaves"] = entries
    return b"".join([json.dumps(head).encode() + b"\n", *lines[1:-1], json.dumps(end).encode() + b"\n"])


DAMAGES = [
    flip_a_bit, cut_a_piece_out, cut_the_end_off, put_something_in, double_a_line, lose_a_line, change_places, put_another_value, edit_knowingly,
]  # fmt: skip


def test_the_bundle_is_whole_before_anybody_touches_it(given: Given) -> None:
    assert said(given, given.data)[0] == 0
    kinds = {line[:4] for line in given.lines}
    assert kinds >= {b'["r"', b'["a"', b'["c"', b'["g"'}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_damaged_is_never_whole(given: Given, damage: Callable[[random.Random, bytes], bytes]) -> None:
    chance = random.Random(f"{SEED} {damage.__name__}")
    whole = meaning(given.data)
    for number in range(TIMES):
        data = damage(chance, given.data)
        code, words = said(given, data)
        if meaning(data) != whole:
            (given.folder / "found").write_bytes(data)
            assert code in {1, 2}, f"{damage.__name__}, try {number} of seed {SEED}: {words}"


def entries(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def joined(values: list[Any]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def test_each_salt_and_each_value_that_counts_is_compared(given: Given) -> None:
    """Of the first few rows and changes of each form: another value says which class."""
    tried = 0
    values = entries(given.data)
    for at, value in enumerate(values):
        if not isinstance(value, list) or value[0] != "r" or len(value) < 10 or tried > 60:
            continue
        for place, name in ((7, "person"), (8, "device"), (9, "content")):
            if value[place] is None:
                changed: Any = ["00" * 16, "[]"]
            elif len(value[place]) == 3:
                changed = [*value[place][:2], "[]" if value[place][2] is None else None]
            else:
                changed = [value[place][0], value[place][1] + " "]
            edited = [*values[:at], [*value[:place], changed, *value[place + 1 :]], *values[at + 1 :]]
            code, words = said(given, joined(edited))
            assert (code, value[3] in words) == (1, True), (value, name, words)
            assert len(value[place] or ()) != 3 or f"class {name}" in words
            tried += 1
    assert tried > 60


def test_a_key_that_no_act_of_the_log_names_is_found(given: Given) -> None:
    values = entries(given.data)
    at = next(at for at, value in enumerate(values) if "key" in value)
    values[at] = {"key": "prelude-otel/log/0000000000000000+45137bb4+Af+Jt2OnpQ0hIiYUz6lqEOnYA2YWdZxEdhJQGNpKgJh3"}
    code, words = said(given, joined(values))
    assert code == 1
    assert "of the keys that have signed" in words or "no act says" in words
