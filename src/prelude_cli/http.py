"""A look at a health page of a part on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Final

__all__ = ["status_of"]

# A proxy for the outside must not be asked for 127.0.0.1.
_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def status_of(url: str, *, timeout: float = 2.0) -> int | None:
    """The status that a GET of `url` is answered with, or None without an answer within `timeout` seconds."""
    try:
        with _direct.open(url, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, HTTPException):
        return None
