"""Whether a row is what its leaf says, and if not, whether the log tells why: pure functions."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from prelude_store.seals.leaves import CLASS_NAMES, NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.seals.leaves import Leaf
    from prelude_store.seals.reading import Change, Row

__all__ = ["body_of_row", "commitments", "explained", "length_text", "what_differs"]

_PREFIXES: Final = tuple(name.encode() + b"\0" for name in CLASS_NAMES)
_HINT_BYTES: Final = 4
NO_LENGTH: Final = b"[null]"


def length_text(duration_ms: int | None) -> bytes:
    """The canonical text of a length."""
    return NO_LENGTH if duration_ms is None else b"[%d]" % duration_ms


def commitment(place: int, text: bytes | None, salt: bytes) -> bytes:
    """To the text of class number `place`."""
    return NOTHING if text is None else sha256(salt + _PREFIXES[place] + text).digest()


def commitments(row: Row, salts: bytes) -> tuple[bytes, bytes, bytes]:
    """To the three classes of `row`."""
    return (
        NOTHING if row.person is None else sha256(salts[:16] + b"person\0" + row.person).digest(),
        NOTHING if row.device is None else sha256(salts[16:32] + b"device\0" + row.device).digest(),
        NOTHING if row.content is None else sha256(salts[32:] + b"content\0" + row.content).digest(),
    )


def body_of_row(clear: bytes, length: bytes, committed: Sequence[bytes]) -> bytes:
    """The body of a leaf."""
    return sha256(b"".join((clear, length, *committed))).digest()


def explained(row: Row, leaf: Leaf, changes: Sequence[Change]) -> tuple[tuple[bytes, ...], str | None]:
    """What the leaf of a changed row must have committed to, and what is wrong with its changes, if anything.

    Of each class, changes form a chain: each begins with what the one before it ended with, and the last one with what is there now.
    """
    committed: list[bytes] = list(commitments(row, leaf.salts))
    for place, name in enumerate(CLASS_NAMES):
        chain = [change for change in changes if change.class_name == name and change.before is not None]
        if not chain:
            continue
        ends = {change.after or NOTHING for change in chain}
        # A value that was erased may be erased again: such a change begins where it ends.
        starts = [change for change in chain if change.before not in ends] or chain[:1]
        present = starts[0].before or NOTHING
        committed[place] = present
        last = None
        left = list(chain)
        while left:
            step = next((change for change in left if change.before == present), None)
            if step is None:
                return tuple(committed), f"its changes of class {name} do not follow from one another"
            left.remove(step)
            present, last = step.after or NOTHING, step
        text = getattr(row, name)
        if last is not None and last.kind == "erased" and text is not None:
            return tuple(committed), f"class {name} was erased, and has a value again"
        if last is not None and last.kind != "erased" and commitment(place, text, last.salt or b"") != present:
            return tuple(committed), f"class {name} is not what it was lawfully changed to"
    return tuple(committed), None


def what_differs(leaf: Leaf, committed: Sequence[bytes]) -> str:
    """Which class of a row somebody changed, as far as the first bytes of commitments tell."""
    names = [
        name
        for place, name in enumerate(CLASS_NAMES)
        if committed[place][:_HINT_BYTES] != leaf.hints[_HINT_BYTES * place : _HINT_BYTES * (place + 1)]
    ]
    return f"class {' and '.join(names)}" if names else "a column that is in no class"
