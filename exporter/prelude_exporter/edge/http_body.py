"""The body of a request, inflated, within a limit."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from prelude_exporter.errors import MalformedRequestError, TooLargeError
from prelude_otel.errors import PreludeError

__all__ = ["BodyTooLargeError", "UnsupportedEncodingError", "read_body"]

_GZIP: Final = 16 + zlib.MAX_WBITS
_MEMBERS: Final = 100
"""A gzip body may have several members; senders of OTLP write one."""
_SHOWN: Final = 4096


class BodyTooLargeError(TooLargeError):
    """The body is larger than the limit; `start` is how it begins, inflated."""

    def __init__(self, message: str, start: bytes) -> None:
        super().__init__(message)
        self.start = start


class UnsupportedEncodingError(PreludeError):
    """The body is compressed in a way that OTLP does not name."""


async def read_body(
    receive: Callable[[], Awaitable[dict[str, Any]]], encoding: str, limit: int, admit: Callable[[int], None]
) -> bytes:
    """The whole body of an ASGI request.

    Args:
        encoding: Content-Encoding: none, ``identity`` or ``gzip``.
        limit: bytes, as they come and inflated.
        admit: called with the bytes so far before more are taken; raises where there is no room.

    Raises:
        BodyTooLargeError: it is above `limit`.
        UnsupportedEncodingError: it is neither plain nor gzip.
        MalformedRequestError: it is no gzip, or ends in the middle, or the sender went away.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise UnsupportedEncodingError(f"content encoding {encoding!r} is neither gzip nor identity")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequestError("the sender went away in the middle of its request")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise _too_large(_start(body) if encoding == "gzip" else body, limit)
        admit(len(body))
    return _inflate(bytes(body), limit) if encoding == "gzip" else bytes(body)


def _inflate(body: bytes, limit: int) -> bytes:
    inflated = b""
    try:
        for _ in range(_MEMBERS):
            member = zlib.decompressobj(_GZIP)
            inflated += member.decompress(body, limit + 1 - len(inflated))
            if len(inflated) > limit:
                raise _too_large(inflated, limit)
            if not member.eof:
                raise MalformedRequestError("the gzip body ends in the middle")
            body = member.unused_data
            if not body:
                return inflated
    except zlib.error as error:
        raise MalformedRequestError(f"the body is no gzip: {error}") from error
    raise MalformedRequestError(f"the gzip body has more than {_MEMBERS} members")


def _start(body: bytearray) -> bytes:
    """How a compressed body begins when inflated; as it came where it can't be."""
    try:
        return zlib.decompressobj(_GZIP).decompress(body, _SHOWN)
    except zlib.error:
        return bytes(body[:_SHOWN])


def _too_large(body: bytes | bytearray, limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the request has more than {limit} bytes", bytes(body[:_SHOWN]))
