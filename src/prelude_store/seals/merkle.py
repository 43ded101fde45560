"""The Merkle tree of RFC 6962, section 2.1: pure functions."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.native import native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["EMPTY", "HASH_BYTES", "TILE_HEIGHT", "Frontier", "Node", "inclusion", "leaf_hash", "root_from"]

HASH_BYTES: Final = 32
TILE_HEIGHT: Final = 8
"""Hashes of subtrees are kept at every eighth height (C2SP tlog-tiles)."""
EMPTY: Final = sha256(b"").digest()
"""The root of no leaf."""


class Node(NamedTuple):
    """The root of a full subtree of 2 ** `height` leaves, number `number` of its height."""

    height: int
    number: int
    hash: bytes


class Frontier:
    """All of a growing tree that its next roots need: roots of its full subtrees, largest first.

    Args:
        size: leaves so far.
        kept: what `to_bytes` gave at that size.
    """

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, kept: bytes = b"") -> None:
        if len(kept) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(kept)} bytes are no frontier of {size} leaves")
        self.size = size
        self._roots = [kept[at : at + HASH_BYTES] for at in range(0, len(kept), HASH_BYTES)]

    def to_bytes(self) -> bytes:
        """For the constructor."""
        return b"".join(self._roots)

    def root(self) -> bytes:
        """The root of the tree."""
        return root_from(self._roots)

    def append(self, hashes: bytes) -> list[Node]:
        """Add leaves by their hashes, one behind the other; gives the subtrees at heights of tiles that became full, lowest first."""
        full: list[Node] = []
        at, left = 0, len(hashes) // HASH_BYTES
        while left:
            # As large a subtree as fits here and is at hand.
            height = min(left.bit_length() - 1, TILE_HEIGHT)
            if self.size:
                height = min(height, (self.size & -self.size).bit_length() - 1)
            count = 1 << height
            end = at + count * HASH_BYTES
            self._push(height, _fold(hashes[at:end]), full)
            at, left = end, left - count
        return full

    def append_nodes(self, hashes: bytes, height: int) -> None:
        """Add roots of full subtrees of this height, where the tree is as large as a multiple of them."""
        for at in range(0, len(hashes), HASH_BYTES):
            self._push(height, hashes[at : at + HASH_BYTES], [])

    def _push(self, height: int, node: bytes, full: list[Node]) -> None:
        added = 1 << height
        before = self.size
        if height == TILE_HEIGHT:
            full.append(Node(height, before >> height, node))
        while before >> height & 1:
            node = sha256(b"\x01" + self._roots.pop() + node).digest()
            height += 1
            if height % TILE_HEIGHT == 0:
                full.append(Node(height, before >> height, node))
        self._roots.append(node)
        self.size = before + added


def leaf_hash(head: bytes, body: bytes) -> bytes:
    """Of a leaf whose data are `head` and `body`."""
    return sha256(b"\x00" + head + body).digest()


def root_from(roots: Sequence[bytes]) -> bytes:
    """The root of neighbouring full subtrees, largest first."""
    if not roots:
        return EMPTY
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = sha256(b"\x01" + left + root).digest()
    return root


def _fold(hashes: bytes) -> bytes:
    module = native().module
    if module is not None:
        folded: bytes = module.fold_hashes(hashes)
        return folded
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


def inclusion(leaf: int, size: int, root_of: Callable[[int, int], bytes]) -> list[bytes]:
    """The proof that leaf number `leaf` is in the tree of `size` leaves: PATH of RFC 6962, from the bottom up.

    Args:
        root_of: the root of leaves `from` until before `to`.
    """
    if not 0 <= leaf < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {leaf}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if leaf < middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start = middle
    return path[::-1]
