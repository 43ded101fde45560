"""Under which names this service answers, and which pages may ask it: against DNS rebinding and foreign pages. Pure functions."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from prelude_analytics.settings import is_loopback

__all__ = ["host_name", "is_allowed", "is_own"]

_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_USUAL: Final = {"http": "80", "https": "443"}


def host_name(header: str) -> str | None:
    """The name in a Host header, in lower case; None where it is no host at all."""
    found = _HOST.fullmatch(header)
    return found["name"].lower().rstrip(".") if found else None


def is_allowed(name: str, allowed: tuple[str, ...]) -> bool:
    """Whether this service may be asked for by `name`: a name of this machine, or one of `allowed`."""
    if is_loopback(name):
        return True
    return any(name.endswith(each) or name == each[1:] if each.startswith(".") else name == each for each in allowed)


def is_own(origin: str, host: str) -> bool:
    """Whether a page at `origin` came from where the request goes: same name and same port.

    Another port of the same machine is another page: browsers send cookies there all the same.
    """
    try:
        parts = urlsplit(origin)
        port = str(parts.port or "")
    except ValueError:
        return False
    found = _HOST.fullmatch(host)
    if not found or parts.scheme not in _USUAL or not parts.hostname:
        return False
    usual = _USUAL[parts.scheme]
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return (name, port or usual) == (found["name"].lower(), found["port"] or usual)
