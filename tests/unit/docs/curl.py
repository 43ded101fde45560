"""The part of curl that the documentation uses, so that its examples run where there is no curl."""

from __future__ import annotations

import re
import shlex
import urllib.request
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Request", "read_curl", "send"]

_HEREDOC: Final = re.compile(r"(?P<command>.*?) <<'(?P<end>\w+)'\n(?P<body>.*?)^(?P=end)$", re.MULTILINE | re.DOTALL)
_FLAGS: Final = {"-s", "--silent", "-S", "--show-error", "-f", "--fail", "-i", "--include"}


@dataclass
class Request:
    """What a call of curl sends."""

    url: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": "curl/7.88.1"})
    body: bytes | None = None


def read_curl(text: str) -> Request:
    """The request of a command line, with or without a here-document behind it.

    Raises:
        AssertionError: it has an option that curl does not have, or that this reader does not know.
    """
    heredoc = _HEREDOC.search(text)
    words = iter(shlex.split((heredoc["command"] if heredoc else text).replace("\\\n", " ")))
    assert next(words) == "curl"
    request = Request()
    for word in words:
        if word in {"-H", "--header"}:
            name, _, value = next(words).partition(":")
            request.headers[name] = value.strip()
        elif word in {"-d", "--data", "--data-binary"}:
            data = next(words)
            request.body = (heredoc["body"] if heredoc and data == "@-" else data).encode()
        elif word not in _FLAGS:
            assert not word.startswith("-"), f"curl {word}: is that an option? Then teach it to {__name__}"
            request.url = word
    return request


def send(request: Request, base_url: str) -> bytes:
    """Send it to another place than the documentation says; gives the body of the answer."""
    path = re.sub(r"\Ahttps?://[^/]+", "", request.url)
    made = urllib.request.Request(base_url + path, request.body, request.headers)
    with urllib.request.urlopen(made, timeout=30) as answer:
        return bytes(answer.read())
