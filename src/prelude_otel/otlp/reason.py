"""Why a receiver did not say yes, in its own words: the message of the ``google.rpc.Status`` that OTLP answers with."""

from __future__ import annotations

import json
from typing import Final

__all__ = ["reason", "reason_in"]

_LONGEST: Final = 200
_CODE, _MESSAGE = 0x08, 0x12  # fields 1 and 2 of Status
_MORE: Final = 0x80


def reason(said: str | None) -> str:
    """``: `` and `said` on one line, cut; empty where nothing was said."""
    text = "".join(sign for sign in " ".join((said or "").split()) if sign.isprintable())
    return f": {text[:_LONGEST]}" if text else ""


def reason_in(body: bytes) -> str:
    """The same for the body of an HTTP answer, in protobuf or JSON; empty where it is neither."""
    try:
        if body[:1] == b"{":
            return reason(str(json.loads(body).get("message") or ""))
        at = 0
        if body[:1] == bytes([_CODE]):
            at, _ = _varint(body, 1)
        if body[at] == _MESSAGE:
            start, length = _varint(body, at + 1)
            return reason(body[start : start + length].decode("utf-8", "replace"))
    except (ValueError, IndexError, AttributeError):
        pass
    return ""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Where it ends, and its value."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & ~_MORE) << shift
        at, shift = at + 1, shift + 7
        if not byte & _MORE:
            return at, value
