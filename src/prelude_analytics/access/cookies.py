"""The cookie of a browser: a session that only this service reads, that no script sees, and that no other page sends."""

from __future__ import annotations

from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Final

from prelude_analytics.settings import is_loopback

__all__ = ["cleared", "given", "made"]

_NAME: Final = "prelude_session"
_SECURE_NAME: Final = "__Host-prelude_session"
"""Browsers take a cookie of such a name only by HTTPS and for this host alone."""


def given(header: str, host: str) -> str | None:
    """The value of our cookie in a Cookie header of a request for `host`; None where there is none."""
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    found = cookies.get(_name(host))
    return found.value if found else None


def made(value: str, host: str, ends: datetime) -> str:
    """A Set-Cookie header for a request for `host`."""
    left = max(0, int((ends - datetime.now(UTC)).total_seconds()))
    return f"{_name(host)}={value}; Max-Age={left}; {_attributes(host)}"


def cleared(host: str) -> str:
    """A Set-Cookie header that takes the cookie away."""
    return f'{_name(host)}=""; Max-Age=0; {_attributes(host)}'


def _name(host: str) -> str:
    return _NAME if is_loopback(host) else _SECURE_NAME


def _attributes(host: str) -> str:
    return "Path=/; HttpOnly; SameSite=Strict" + ("" if is_loopback(host) else "; Secure")
